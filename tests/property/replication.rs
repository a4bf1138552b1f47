//! What a peer says before and in the stream: arbitrary lines and bytes, in arbitrary pieces.

use proptest::prelude::*;
use vellum::base::{Offset, ReplId};
use vellum::log::Identity;
use vellum::replication::framing::{Framing, MARK_LEN, Unframer};
use vellum::replication::handshake::{Handshake, Introduction, Next};
use vellum::replication::intake::{Intake, Units};
use vellum::replication::psync::{Answer, Backlog, Position, Request, decide};
use vellum::resp::encode::push_command;
use vellum::resp::stream::Commands;

fn replid() -> impl Strategy<Value = ReplId> {
    any::<[u8; 20]>().prop_map(ReplId::from_random)
}

/// Lines a master may send, and lines it may not.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let digits = "[0-9a-f]{38,42}";
    let number = "-?[0-9]{0,21}";
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[ +$*:-]{0,3}[A-Za-z0-9 .'-]{0,50}".prop_map(String::into_bytes),
        (digits, number).prop_map(|(id, n)| format!("+FULLRESYNC {id} {n}").into_bytes()),
        digits.prop_map(|id| format!("+CONTINUE {id}").into_bytes()),
        "[+]CONTINUE[ \t]{0,3}".prop_map(String::into_bytes),
        "-(NOMASTERLINK|LOADING|MASTERDOWN|BUSY|NOAUTH|NOPERM|ERR)[ -~]{0,20}"
            .prop_map(String::into_bytes),
        number.prop_map(|n| format!("${n}").into_bytes()),
        "[$]EOF:[0-9a-f]{38,42}".prop_map(String::into_bytes),
        Just(b"+PONG".to_vec()),
        Just(b"+OK".to_vec()),
    ]
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Commands of a stream, transactions among them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "MULTI", "multi", "EXEC", "SELECT", "3", "REPLCONF", "GETACK", "*"
        ])
        .prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    let commands = prop::collection::vec(prop::collection::vec(word, 1..4), 0..12);
    commands.prop_map(|commands| {
        let mut bytes = Vec::new();
        for words in &commands {
            push_command(&mut bytes, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        bytes
    })
}

/// Feeds `input` in pieces that end at `cuts`; all units, and whether they ended in an error.
fn take_in(input: &[u8], cuts: &[usize]) -> (Units, bool) {
    let (mut intake, mut all, mut fed) = (Intake::new(), Units::default(), 0);
    for cut in cuts.iter().copied().chain([input.len()]) {
        let cut = cut.clamp(fed, input.len());
        intake.buffer().extend_from_slice(&input[fed..cut]);
        fed = cut;
        loop {
            match intake.take(|_| Ok(())) {
                Ok(Some(units)) => {
                    all.bytes.extend_from_slice(&units.bytes);
                    all.db = units.db.or(all.db);
                    all.asks_for_ack |= units.asks_for_ack;
                }
                Ok(None) => break,
                Err(_) => return (all, true),
            }
        }
    }
    (all, false)
}

proptest! {
    #[test]
    fn arbitrary_lines_never_confuse_a_handshake(
        lines in prop::collection::vec(line(), 0..12),
        password in "[a-z]{0,3}",
        ip in "[0-9.]{0,7}",
    ) {
        let who = Introduction { password, ip, ..Introduction::default() };
        let (mut handshake, _) = Handshake::begin(&who);
        let (mut asked, mut answered) = (0, 0);
        for line in &lines {
            match handshake.line(line) {
                Ok(Next::Read) => {}
                Ok(Next::Ask) => asked += 1,
                Ok(Next::Answered(answer)) => {
                    prop_assert!(is_printable(&answer.to_string()));
                    answered += 1;
                }
                Err(error) => {
                    prop_assert!(is_printable(&error.to_string()), "{}", error);
                    break;
                }
            }
            // Asked once, and answered only when asked.
            prop_assert!(answered <= asked && asked <= 1);
        }
    }

    #[test]
    fn answers_and_announcements_are_read_or_refused(line in line()) {
        match Answer::parse(&line) {
            Ok(answer) => {
                prop_assert_eq!(Answer::parse(answer.to_string().as_bytes()), Ok(answer));
            }
            Err(error) => prop_assert!(is_printable(&error.to_string())),
        }
        match Framing::parse(&line) {
            Ok(Framing::Length(len)) => prop_assert!(i64::try_from(len).is_ok()),
            Ok(Framing::Mark(mark)) => prop_assert!(line.ends_with(&mark)),
            Err(error) => prop_assert!(is_printable(&error.to_string())),
        }
    }

    #[test]
    fn whatever_a_replica_asks_for_it_gets_what_the_log_has(
        words in (prop::collection::vec(any::<u8>(), 0..42), "-?[0-9]{0,21}"),
        ids in (replid(), replid()),
        offset in prop_oneof![any::<u64>(), 0..200_u64],
        ends in (0..100_u64, 0..100_u64, 0..100_u64),
        which in 0..3_u8,
    ) {
        let (own, former) = ids;
        let identity = Identity::new(former).succeeded_by(own, Offset::new(ends.0));
        let start = Offset::new(ends.1);
        let backlog = Backlog { identity, start, end: Offset::new(ends.1 + ends.2) };
        let at = |replid| Request::Continue(Position { replid, offset: Offset::new(offset) });
        let request = match which {
            0 => at(own),
            1 => at(former),
            _ => match Request::parse(&words.0, words.1.as_bytes()) {
                Some(request) => request,
                None => return Ok(()),
            },
        };
        if let Ok(from) = decide(&request, &backlog) {
            prop_assert_eq!(from, Offset::new(offset));
            prop_assert!(backlog.start <= from && from <= backlog.end);
            prop_assert!(which == 0 || from.get() <= ends.0);
        }
        // On the wire and back; offsets beyond what fits there are asked for as a full sync.
        let mut wire = Vec::new();
        request.push(&mut wire);
        let mut commands = Commands::new(&wire);
        let args = commands.next_command().unwrap().unwrap();
        if i64::try_from(offset).is_ok_and(|offset| offset < i64::MAX) && which < 2 {
            prop_assert_eq!(Request::parse(&args[1], &args[2]), Some(request));
        }
    }

    #[test]
    fn a_snapshot_comes_out_whole_in_any_pieces(
        snapshot in prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..300),
        rest in prop::collection::vec(any::<u8>(), 0..60),
        mark in prop::collection::vec(prop_oneof![9 => Just(b'a'), 1 => Just(b'b')], MARK_LEN),
        by_mark: bool,
        pieces in prop::collection::vec(1..80_usize, 1..20),
    ) {
        let mark: [u8; MARK_LEN] = mark.try_into().unwrap();
        let (framing, bytes) = match by_mark {
            true => (Framing::Mark(mark), [&snapshot[..], &mark, &rest].concat()),
            false => (Framing::Length(snapshot.len() as u64), [&snapshot[..], &rest].concat()),
        };
        // The first mark ends it, also one that begins inside the snapshot.
        let len = match bytes.windows(MARK_LEN).position(|window| window == mark) {
            Some(at) if by_mark => at,
            _ => snapshot.len(),
        };
        let (mut unframer, mut out, mut left) = (Unframer::new(framing), Vec::new(), Vec::new());
        let (mut from, mut pieces) = (0, pieces.iter().cycle());
        while from < bytes.len() {
            let to = (from + pieces.next().unwrap()).min(bytes.len());
            let used = unframer.take(&bytes[from..to], &mut out);
            prop_assert!(used <= to - from);
            left.extend_from_slice(&bytes[from + used..to]);
            from = to;
        }
        prop_assert!(unframer.is_done());
        prop_assert_eq!(&out[..], &bytes[..len]);
        let skipped = len + if by_mark { MARK_LEN } else { 0 };
        prop_assert_eq!(&left[..], &bytes[skipped..]);
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_units(
        stream in stream(),
        noise in prop::collection::vec(any::<u8>(), 0..30),
        mut cuts in prop::collection::vec(0..400_usize, 0..8),
    ) {
        cuts.sort_unstable();
        let input = [&stream[..], &noise].concat();
        let (whole, failed) = take_in(&input, &[]);
        prop_assert!(input.starts_with(&whole.bytes));
        let (split, split_failed) = take_in(&input, &cuts);
        prop_assert_eq!(&split, &whole);
        prop_assert_eq!(split_failed, failed);
        let every: Vec<usize> = (0..input.len()).collect();
        prop_assert_eq!(&take_in(&input, &every).0, &whole);
        // What comes out can be applied: whole commands, and no transaction that is not whole.
        let (mut commands, mut inside) = (Commands::new(&whole.bytes), false);
        while let Some(args) = commands.next_command().unwrap() {
            let name = args.get(0).unwrap_or_default().to_ascii_uppercase();
            inside = name == b"MULTI" || inside && name != b"EXEC";
        }
        prop_assert!(!inside);
    }
}
