//! Random worlds. Comes in: seeds; `STRONGROOM_SEED` names the first. Goes out: the rules hold in
//! each. Must not know: how the rules decide.

use strongroom_simulator::dice::Dice;
use strongroom_simulator::{properties, wild};

#[test]
fn random_worlds_keep_the_rules() {
    let long = std::env::var_os("STRONGROOM_LONG").is_some();
    let seeds: u64 = if long { 600_000 } else { 3_000 };
    let first = std::env::var("STRONGROOM_SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut counted = 0;
    for seed in first..first + seeds {
        let world = wild::world(seed);
        counted += world.entries.len();
        if let Err(what) = properties::all(&world, &mut Dice::new(seed)) {
            panic!("seed {seed}: {what}\n{}", world.told());
        }
    }
    assert!(counted > seeds as usize * 15, "worlds in which nothing happens prove nothing");
}
