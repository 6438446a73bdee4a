//! Stories of names on their way out, and of merges.

use proptest::prelude::*;
use strongroom_core::merge::{Head, KeepBoth, LastWriter, Merge, MergeError, Outcome};
use strongroom_core::names::{
    BucketPath, ExportRules, NameError, check_name, export_name, export_path, printable,
};
use strongroom_wire::entry::Hlc;
use strongroom_wire::ids::EntryId;

#[test]
fn a_hostile_member_writes_names_that_climb() {
    for name in ["..", ".", "../x", "/etc/passwd", "a/../../b", "", "a\0b"] {
        for rules in [ExportRules::Unix, ExportRules::Portable] {
            assert!(export_name(name, rules).is_err(), "{name:?}");
            assert!(export_path(&["ok", name], rules).is_err(), "{name:?}");
        }
    }
}

#[test]
fn a_memory_stick_gets_names_it_can_take() {
    for (name, outside) in [
        ("letter.txt", "letter.txt"),
        ("a:b", "a%3Ab"),
        ("what?", "what%3F"),
        ("..\\..\\evil", "..%5C..%5Cevil"),
        ("CON", "%43ON"),
        ("nul.tar.gz", "%6Eul.tar.gz"),
        ("console", "console"),
        ("ends.", "ends%2E"),
        ("ends ", "ends%20"),
        ("a\nb", "a%0Ab"),
    ] {
        assert_eq!(export_name(name, ExportRules::Portable).unwrap(), outside);
        assert_eq!(export_name(name, ExportRules::Unix).unwrap(), name, "kept where it can be");
    }
}

#[test]
fn a_name_that_would_grow_too_long_is_refused() {
    let name = ":".repeat(200);
    assert_eq!(export_name(&name, ExportRules::Portable), Err(NameError::TooLong));
}

#[test]
fn a_name_does_not_play_with_the_terminal() {
    assert_eq!(printable("\u{1b}]0;pwned\u{7}"), "\\u{1b}]0;pwned\\u{7}");
    assert_eq!(printable("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
}

#[test]
fn heads_merge_the_same_in_any_order() {
    let head = |hlc, id| Head { id: EntryId([id; 32]), hlc: Hlc(hlc), content: None };
    let heads = [head(5, 1), head(7, 2), head(7, 3)];
    let turned = [heads[2], heads[0], heads[1], heads[0]];
    let kept = KeepBoth.merge(None, &heads).unwrap();
    assert_eq!(kept, KeepBoth.merge(None, &turned).unwrap());
    let copies = vec![EntryId([2; 32]), EntryId([1; 32])];
    assert_eq!(kept, Outcome::KeepBoth { main: EntryId([3; 32]), copies });
    assert_eq!(LastWriter.merge(None, &turned), Ok(Outcome::Take(EntryId([3; 32]))));
    assert_eq!(LastWriter.merge(None, &[]), Err(MergeError::NoHeads));
    assert_eq!(KeepBoth.merge(None, &[]), Err(MergeError::NoHeads));
}

proptest! {
    #[test]
    fn an_exported_name_is_one_component_that_stays(name in any::<String>()) {
        for rules in [ExportRules::Unix, ExportRules::Portable] {
            if let Ok(outside) = export_name(&name, rules) {
                prop_assert!(check_name(&outside).is_ok());
                let path = std::path::Path::new(&*outside);
                let mut parts = path.components();
                prop_assert!(matches!(parts.next(), Some(std::path::Component::Normal(_))));
                prop_assert!(parts.next().is_none());
            }
        }
    }

    #[test]
    fn a_path_that_parses_prints_as_it_was_typed(text in "([a-z:]{0,6})?(/[a-z. ]{0,4}){0,4}/?") {
        if let Ok(path) = text.parse::<BucketPath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }
}
