//! The request parser against arbitrary bytes and arbitrary splits.

use proptest::prelude::*;
use vellum::resp::encode::push_command;
use vellum::resp::{Batch, ParseLimits, ProtocolError, RequestParser};

type Parsed = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Feeds `input` in pieces that end at `cuts`, compacting as a connection does.
fn parse(input: &[u8], cuts: &[usize], commands_max: usize) -> Parsed {
    let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
    let (mut buffer, mut commands) = (Vec::new(), Vec::new());
    let mut fed = 0;
    for cut in cuts.iter().copied().chain([input.len()]) {
        let cut = cut.clamp(fed, input.len());
        buffer.extend_from_slice(&input[fed..cut]);
        fed = cut;
        loop {
            let result = parser.fill(&buffer, &mut batch, &ParseLimits::default(), commands_max);
            assert!(batch.len() <= commands_max);
            // Six bytes announce an argument at least, so the batch is bounded by its input.
            assert!(batch.pending_args() <= buffer.len());
            let found = batch.len();
            for index in 0..found {
                let args = batch.args(index, &buffer);
                commands.push(args.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
                if let Some(raw) = args.raw() {
                    let mut canonical = Vec::new();
                    push_command(&mut canonical, &args.iter().collect::<Vec<_>>());
                    assert_eq!(raw, canonical);
                }
            }
            if let Err(error) = result {
                return (commands, Some(error));
            }
            let done = parser.discard(&mut batch);
            buffer.drain(..done);
            if found < commands_max {
                break;
            }
        }
    }
    (commands, None)
}

/// Bytes that look like requests often enough to reach every state.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..4).prop_map(|args| {
            let mut out = Vec::new();
            push_command(&mut out, &args.iter().map(Vec::as_slice).collect::<Vec<_>>());
            out
        }),
        1 => "[a-z\"'\\\\ ]{0,12}\r?\n".prop_map(String::into_bytes),
        1 => "[*$]-?[0-9]{0,11}\r\n".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_commands(
        input in input(),
        mut cuts in prop::collection::vec(0_usize..300, 0..6),
        commands_max in 1_usize..5,
    ) {
        cuts.sort_unstable();
        let whole = parse(&input, &[], usize::MAX);
        prop_assert_eq!(&parse(&input, &cuts, commands_max), &whole);
        let every: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(&parse(&input, &every, 1), &whole);
    }

    #[test]
    fn what_is_encoded_is_parsed_back(
        commands in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5), 0..6),
    ) {
        let mut input = Vec::new();
        for args in &commands {
            push_command(&mut input, &args.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        prop_assert_eq!(parse(&input, &[], usize::MAX), (commands, None));
    }
}
