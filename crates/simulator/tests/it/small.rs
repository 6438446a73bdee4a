//! Every two moves of somebody who was taken out. Comes in: small worlds. Goes out: nobody is back
//! and nothing honest is lost. Must not know: how the rules decide.

use strongroom_simulator::dice::Dice;
use strongroom_simulator::{properties, small};

/// How many second moves are left out after each that is tried, in the short form.
const STRIDE: usize = 499;

#[test]
fn no_two_moves_bring_anybody_back() {
    let long = std::env::var_os("STRONGROOM_LONG").is_some();
    let stride = if long { 1 } else { STRIDE };
    let (mut tried, mut at) = (0_u64, 0_usize);
    for (number, world) in small::worlds().into_iter().enumerate() {
        let mut dice = Dice::new(number as u64);
        let before = world.rules.members(|_| true);
        properties::all(&world, &mut dice).unwrap();
        for first in world.moves() {
            let mut once = world.clone();
            if once.make(&first).is_none() {
                continue;
            }
            if let Err(what) = properties::all(&once, &mut dice) {
                panic!("world {number}, {first:?}: {what}\n{}", once.told());
            }
            for second in once.moves() {
                at += 1;
                if at % stride != 0 {
                    continue;
                }
                let mut twice = once.clone();
                if twice.make(&second).is_none() {
                    continue;
                }
                tried += 1;
                if let Err(what) = properties::all(&twice, &mut dice) {
                    panic!("world {number}, {first:?} then {second:?}: {what}\n{}", twice.told());
                }
                let now = twice.rules.members(|_| true);
                assert!(now.is_subset(&before), "{now:?}: {first:?}, {second:?}\n{}", twice.told());
            }
        }
    }
    println!("{tried} attacks of two moves");
    assert!(tried > if long { 400_000 } else { 800 }, "only {tried} attacks");
}
