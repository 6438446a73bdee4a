//! The promise in the dependency graph: a provider links nothing that could open what it stores.

use std::process::Command;

#[test]
fn the_provider_links_no_crate_that_can_open_anything() {
    let tree = |package: &str| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "-e", "normal", "--prefix", "none", "-p", package])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // `strongroomd` is a program of this package: it can link nothing the package does not.
    let ours = tree("strongroom-server");
    assert!(ours.contains("strongroom-wire") && ours.contains("strongroom-store"));
    for forbidden in ["strongroom-seal", "strongroom-core", "strongroom-client", "bip39", "argon2"]
    {
        assert!(!ours.contains(forbidden), "the provider links {forbidden}");
    }
    // The positive control: where one is linked, it is seen.
    assert!(tree("strongroom-client").contains("strongroom-seal"));
}
