//! Buckets by their verbs.

use crate::device::Device;

#[test]
fn a_bucket_from_its_making_to_its_end() {
    let device = Device::alone();
    let did = device.ok(&["bucket", "create", "letters"]).trim().to_owned();
    assert!(did.starts_with("did:bkt:"), "{did}");
    device.write("a.txt", "a");
    device.ok(&["put", "a.txt", "letters:/"]);
    assert_eq!(device.ok(&["ls"]), "", "the default bucket is another one");
    assert_eq!(device.ok(&["cat", "letters:/a.txt"]), "a");
    assert_eq!(device.ok(&["cat", &format!("{did}:/a.txt")]), "a");
    device.ok(&["bucket", "label", "letters", "post"]);
    assert_eq!(device.ok(&["ls", "post:/"]), "a.txt\n");
    device.fails(3, &["ls", "letters:/"]);
    let shown = device.json(&["bucket", "show", "post"]);
    assert_eq!(shown["did"], did.as_str());
    assert_eq!(shown["content"][0][0], "/a.txt");
    assert_eq!(device.ok(&["bucket", "exists", &did]), "yes\n");
    device.ok(&["bucket", "deactivate", "post"]);
    let ran = device.run(&["put", "a.txt", "post:/b.txt"]);
    assert!(ran.code > 0, "{}", ran.out);
    assert_eq!(device.ok(&["cat", "post:/a.txt"]), "a");
    let listed = device.ok(&["bucket", "ls"]);
    assert!(listed.contains("closed") && listed.contains("default"), "{listed}");
}

#[test]
fn a_bucket_that_is_not_there() {
    let device = Device::alone();
    let unknown = "did:bkt:zzzzzzzz";
    let ran = device.run(&["bucket", "exists", unknown]);
    assert!(matches!(ran.code, 2 | 3), "{} {}", ran.code, ran.err);
    device.fails(3, &["bucket", "label", "nowhere", "somewhere"]);
    device.fails(3, &["bucket", "deactivate", "nowhere"]);
}

#[test]
fn labels_that_could_not_be_typed_again_are_refused() {
    let device = Device::alone();
    for label in ["", "a:/b", "a/b"] {
        let ran = device.run(&["bucket", "create", label]);
        assert!(matches!(ran.code, 1 | 2), "{label:?}: {} {}", ran.code, ran.err);
    }
    device.ok(&["bucket", "create", "twice"]);
    device.fails(7, &["bucket", "create", "twice"]);
}
