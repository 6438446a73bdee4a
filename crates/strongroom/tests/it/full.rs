//! A device whose disk is full. A limit on the size of files stands in for the disk, so the story
//! is told wherever the tests run.

use std::process::Command;

use crate::device::{Device, Ran, STRONGROOM};

/// Runs `strongroom` where no file may grow beyond 900 KiB.
fn cramped(device: &Device, words: &[&str]) -> Ran {
    let like = device.command();
    let mut command = Command::new("sh");
    // Without the trap the kernel would kill it instead of refusing the write.
    let run = "trap '' XFSZ; ulimit -S -f 1800; exec \"$0\" \"$@\"";
    command.args(["-c", run, STRONGROOM]).args(words);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(folder) = like.get_current_dir() {
        command.current_dir(folder);
    }
    Ran::from(&command.output().unwrap())
}

#[test]
fn a_full_disk_is_told_and_it_goes_on_when_there_is_room() {
    let device = Device::alone();
    device.write("small", "small");
    device.ok(&["put", "small"]);
    let large: Vec<u8> =
        (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    device.write("large", &large);
    let ran = cramped(&device, &["put", "large"]);
    assert_eq!(ran.code, 8, "{} {}", ran.code, ran.err);
    assert!(ran.err.contains("full"), "{}", ran.err);
    // Writing a file out meets the same disk, and leaves no half of one.
    device.ok(&["put", "large"]);
    let ran = cramped(&device, &["get", "/large", "out"]);
    assert_eq!(ran.code, 8, "{} {}", ran.code, ran.err);
    assert!(!device.folder.path().join("out").exists(), "a half file was left");
    device.ok(&["get", "/large", "out"]);
    assert_eq!(device.read("out"), large);
    assert_eq!(device.ok(&["cat", "/small"]), "small");
    device.ok(&["verify"]);
}
