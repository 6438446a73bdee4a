//! The agent holds the key store open, so that nobody types a passphrase twice.

use std::process::Command;

use crate::device::{Device, Ran};

fn without_passphrase(device: &Device, words: &[&str]) -> Ran {
    let mut command: Command = device.without_passphrase_file();
    Ran::from(&command.args(words).output().unwrap())
}

#[test]
fn unlock_opens_for_all_commands_until_lock() {
    let device = Device::alone();
    assert_eq!(without_passphrase(&device, &["ls"]).code, 4);
    device.ok(&["unlock"]);
    assert_eq!(without_passphrase(&device, &["ls"]).code, 0);
    device.ok(&["lock"]);
    assert_eq!(without_passphrase(&device, &["ls"]).code, 4);
}

#[test]
fn unlock_with_the_wrong_passphrase_starts_no_agent() {
    let device = Device::alone();
    device.write("wrong", "wrong\n");
    device.fails(4, &["unlock", "--passphrase-file", "wrong"]);
    assert_eq!(without_passphrase(&device, &["ls"]).code, 4);
}

#[test]
fn lock_without_an_agent_is_no_error() {
    let device = Device::alone();
    device.ok(&["lock"]);
    assert_eq!(device.json(&["lock"])["locked"], true);
}

#[test]
fn an_agent_goes_by_itself() {
    let device = Device::alone();
    device.ok(&["unlock", "--for", "1s"]);
    // It ends after a second without use; asking would be use, so ask seldom.
    for _ in 0..60 {
        std::thread::sleep(std::time::Duration::from_secs(3));
        if without_passphrase(&device, &["ls"]).code == 4 {
            return;
        }
    }
    panic!("the agent is still there");
}
