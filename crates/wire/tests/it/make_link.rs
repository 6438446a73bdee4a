//! Makes vectors/link-record: what a provider keeps for a link, and how often it was opened.

use strongroom_wire::capability::{Action, Actions, Capability, CapabilityChain, Claims, Target};
use strongroom_wire::ids::{EntryId, MemberTag, PublicKey};
use strongroom_wire::link::{LinkRecord, LinkUses, PasswordSalt};

use crate::golden::Book;
use crate::samples::{BUCKET, author, blob, key, list, uint};

const NULL: u8 = 0xf6;

fn chain() -> CapabilityChain {
    use ed25519_dalek::Signer;
    let holder = PublicKey(author(&key(2)).0);
    let claims = Claims::new(Target::Bucket(BUCKET), Actions::of(&[Action::Pull]), 9_000, [5; 16])
        .for_holder(holder, Some(MemberTag([3; 16])));
    let made = Capability::issue(&claims, |input| key(1).sign(input).to_bytes()).unwrap();
    CapabilityChain::new(vec![made]).unwrap()
}

#[test]
fn make_link_records() {
    let plain = LinkRecord { password: None, chain: chain(), drop: None };
    let password = PasswordSalt { salt: [7; 16], memory_kib: 65_536, passes: 3, lanes: 4 };
    let dear = LinkRecord { password: Some(password), chain: chain(), drop: None };
    let drop = LinkRecord { drop: Some(EntryId([6; 32])), ..plain.clone() };
    let bytes = plain.encode();
    let one = chain().capabilities().first().map(|it| it.bytes().to_vec()).unwrap();
    let with = |format: u64, password: Vec<u8>, chain: &[Vec<u8>]| {
        list(&[uint(format), password, list(chain), vec![NULL]])
    };
    let salted = |salt: usize, numbers: &[u64]| {
        let numbers = numbers.iter().map(|it| uint(*it));
        list(&std::iter::once(blob(&vec![7; salt])).chain(numbers).collect::<Vec<_>>())
    };
    let capability = blob(&one);
    let chain_of = |count: usize| vec![capability.clone(); count];
    Book::new("link-record/record", "link record")
        .case("as it is", "ok", "without a password", &bytes)
        .case("with a password", "ok", "its salt and cost", &dear.encode())
        .case("a drop", "ok", "the entry that made it", &drop.encode())
        .case("half an entry", "limit", "16 bytes are no entry's id", &{
            list(&[uint(1), vec![NULL], list(&chain_of(1)), blob(&[6; 16])])
        })
        .case("no word of a drop", "limit", "four fields are due", &{
            list(&[uint(1), vec![NULL], list(&chain_of(1))])
        })
        .case("another format", "unknown", "format 9", &with(9, vec![NULL], &chain_of(1)))
        .case("no chain", "limit", "nobody could use it", &with(1, vec![NULL], &[]))
        .case("nine capabilities", "limit", "at most eight", &with(1, vec![NULL], &chain_of(9)))
        .case("no capability", "capability", "bytes that are none", &{
            with(1, vec![NULL], &[blob(&[1; 40])])
        })
        .case("a large capability", "limit", "2,049 bytes", &{
            with(1, vec![NULL], &[blob(&[1; 2_049])])
        })
        .case("short salt", "limit", "15 bytes", &with(1, salted(15, &[1, 2, 3]), &chain_of(1)))
        .case("two numbers", "limit", "three make a cost", &{
            with(1, salted(16, &[1, 2]), &chain_of(1))
        })
        .case("wide number", "limit", "more than 32 bits of memory", &{
            with(1, salted(16, &[1 << 32, 2, 3]), &chain_of(1))
        })
        .case("cut", "cut", "the last byte is missing", &bytes[..bytes.len() - 1])
        .case("trailing", "trailing", "a byte too many", &[&bytes[..], &[0]].concat())
        .settle();
    Book::new("link-record/uses", "link uses")
        .case("counted", "ok", "two of three", &LinkUses { allowed: Some(3), spent: 2 }.encode())
        .case("not counted", "ok", "any number", &LinkUses { allowed: None, spent: 0 }.encode())
        .case("one number", "limit", "two are due", &list(&[uint(1)]))
        .case("words", "type", "numbers", &list(&[uint(1), blob(b"2")]))
        .settle();
}
