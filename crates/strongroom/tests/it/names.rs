//! Names that would write to the terminal, and names that would leave the destination.

use crate::{device::Device, terminal::Terminal};

#[test]
fn control_characters_are_escaped_on_terminals_only() {
    let device = Device::alone();
    device.write("red\u{1b}[31m", "x");
    device.ok(&["put", "red\u{1b}[31m"]);
    assert_eq!(device.ok(&["ls"]), "red\u{1b}[31m\n", "a pipe gets the name as it is");
    let mut terminal = Terminal::run(&device, &["ls"]);
    let shown = terminal.rest();
    assert!(shown.contains("red\\u{1b}[31m"), "{shown:?}");
    assert_eq!(terminal.code(), 0);
}

#[test]
fn names_with_spaces_newlines_and_other_scripts_come_back() {
    let device = Device::alone();
    let names = [" ", "a b", "line\nbreak", "日本語", "-rf", "*", "né", "..."];
    for name in names {
        device.write(&format!("tree/{name}"), name);
    }
    device.ok(&["put", "tree"]);
    device.ok(&["get", "/tree", "back"]);
    for name in names {
        assert_eq!(device.read(format!("back/{name}")), name.as_bytes());
    }
    assert_eq!(device.json(&["ls", "/tree"]).as_array().unwrap().len(), names.len());
}

#[test]
fn get_does_not_follow_a_link_out_of_its_destination() {
    let device = Device::alone();
    let outside = device.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    device.write("tree/inside/file", "x");
    device.ok(&["put", "tree"]);
    // Somebody has put a link where the directory will be.
    std::fs::create_dir(device.folder.path().join("back")).unwrap();
    std::os::unix::fs::symlink(&outside, device.folder.path().join("back/inside")).unwrap();
    let ran = device.run(&["get", "/tree", "back"]);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "{} {}", ran.out, ran.err);
    assert_ne!(ran.code, 0, "{}", ran.out);
}
