//! What commands log, applied again, gives the same keys.

use proptest::prelude::*;

use crate::command_runner::Runner;
use crate::command_script::random_command;

proptest! {
    #[test]
    fn effects_replayed_give_the_same_content(seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut first, mut copy) = (Runner::new(), Runner::new());
        for _ in 0..200 {
            first.now_ms += rng.u64(..1500);
            first.db = rng.usize(..2);
            let words = random_command(&mut rng, true);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let before = first.content();
            first.run(&words);
            // A command that logs nothing has changed nothing.
            prop_assert!(!first.logged().is_empty() || first.content() == before);
            // Recovery may come at any later time.
            copy.now_ms = first.now_ms + rng.u64(..10_000);
            for logged in first.logged().to_vec() {
                let reply = copy.replay(&logged);
                prop_assert!(!reply.starts_with(b"-"), "{}", reply.escape_ascii());
            }
            prop_assert_eq!(first.content(), copy.content());
        }
    }
}
