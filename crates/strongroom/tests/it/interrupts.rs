//! Ctrl-C loses nothing.

use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    device::{Device, Ran},
    provider::Provider,
};

#[test]
fn a_put_that_is_interrupted_goes_on_where_it_was() {
    let provider = Provider::start();
    let device = Device::at(&provider);
    // Large enough that it still runs when the signal comes, even on a fast machine.
    let tree = device.folder.path().join("tree");
    std::fs::create_dir(&tree).unwrap();
    for number in 0..8_u8 {
        let content: Vec<u8> = (0..8 << 20_u32)
            .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ number)
            .collect();
        std::fs::write(tree.join(format!("file-{number}")), content).unwrap();
    }
    let child = device
        .command()
        .args(["put", "tree"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    std::thread::sleep(Duration::from_millis(700));
    let _ = kill_process(pid, Signal::INT);
    let ran = Ran::from(&child.wait_with_output().unwrap());
    // Where the machine was faster than we, it was done.
    assert!(matches!(ran.code, 0 | 130), "{} {}", ran.code, ran.err);
    device.ok(&["put", "tree"]);
    // What the first had stored and not yet noted as stored is not cut short any more.
    assert_eq!(device.json(&["status"])["uploads"], serde_json::json!([]));
    device.ok(&["get", "/tree", "back"]);
    crate::device::assert_same_tree(&tree, &device.folder.path().join("back"));
}

#[test]
fn the_second_ctrl_c_ends_at_once() {
    let device = Device::alone();
    // Standard input that never ends: the first signal asks, nobody answers.
    let mut child = device
        .command()
        .args(["put", "-", "/endless"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let pid = Pid::from_child(&child);
    let mut code = None;
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(100));
        let _ = kill_process(pid, Signal::INT);
        code = child.try_wait().unwrap();
        if code.is_some() {
            break;
        }
    }
    drop(stdin);
    assert!(code.is_some(), "it did not end");
    let ran = Ran::from(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.err);
    device.fails(3, &["cat", "/endless"]);
}
