//! Random commands on sorted sets, right and wrong ones, over a few keys.

use vellum::keyspace::types::PackedLimits;

/// Limits that a few members go beyond.
pub fn limits() -> PackedLimits {
    PackedLimits { zset_entries: 12, zset_value: 10, ..PackedLimits::default() }
}

fn pick<'a>(rng: &mut fastrand::Rng, words: &[&'a str]) -> &'a str {
    words[rng.usize(..words.len())]
}

fn key(rng: &mut fastrand::Rng) -> String {
    pick(rng, &["a", "b", "c", "large", "large", "lex", "none", "string", "a", "b"]).into()
}

fn member(rng: &mut fastrand::Rng, key: &str) -> String {
    let many = if key.ends_with("large") { 300 } else { 14 };
    let number = rng.u32(..many);
    match rng.u8(..30) {
        0 => String::new(),
        1 => format!("longer than allowed {number}"),
        2..=8 => number.to_string(),
        _ => format!("m{number}"),
    }
}

fn score(rng: &mut fastrand::Rng, key: &str) -> String {
    if key.starts_with("lex") {
        return "0".into();
    }
    match rng.u8(..20) {
        0 => pick(rng, &["inf", "-inf", "+inf", "1e400", "nan", "x", "", " 1", "0x10"]).into(),
        // Where a set stops being packed in the middle of a command, 7.0 and 7.2 differ on what becomes of
        // -0; so there is none.
        1 => {
            pick(rng, &["-1e-7", "0", "1e17", "1e-5", "3.15", "1e300", "123456789012345680"]).into()
        }
        2..=6 => (f64::from(rng.i32(-400..400)) / 100.0).to_string(),
        _ => rng.i32(-12..30).to_string(),
    }
}

fn score_bound(rng: &mut fastrand::Rng) -> String {
    let open = if rng.u8(..3) == 0 { "(" } else { "" };
    let bound = match rng.u8(..8) {
        0 => pick(rng, &["-inf", "+inf", "inf", "", " 3", "x", "nan"]).into(),
        1 => (f64::from(rng.i32(-400..400)) / 100.0).to_string(),
        _ => rng.i32(-12..30).to_string(),
    };
    open.to_owned() + &bound
}

fn lex_bound(rng: &mut fastrand::Rng, key: &str) -> String {
    match rng.u8(..12) {
        0 | 1 => "-".into(),
        2 | 3 => "+".into(),
        4 => pick(rng, &["", "m", "[", "("]).into(),
        5..=8 => "[".to_owned() + &member(rng, key),
        _ => "(".to_owned() + &member(rng, key),
    }
}

fn lex_key(rng: &mut fastrand::Rng) -> String {
    pick(rng, &["lex", "lexlarge", "lexlarge", "none", "string"]).into()
}

fn options(rng: &mut fastrand::Rng, words: &mut Vec<String>, all: &[&str]) {
    while rng.u8(..3) == 0 {
        let option = pick(rng, all);
        words.push(option.into());
        if matches!(option, "LIMIT") {
            words.extend([rng.i8(-1..6).to_string(), rng.i8(-2..8).to_string()]);
        }
        if matches!(option, "COUNT") {
            words.push(rng.i8(-1..6).to_string());
        }
    }
}

fn adding(rng: &mut fastrand::Rng) -> Vec<String> {
    let key = pick(rng, &["a", "b", "c", "large", "large", "lex", "lexlarge", "string"]).to_owned();
    if rng.u8(..6) == 0 && !key.starts_with("lex") {
        let (score, member) = (score(rng, &key), member(rng, &key));
        return vec!["ZINCRBY".into(), key, score, member];
    }
    let mut words = vec!["ZADD".into(), key.clone()];
    let incr = if key.starts_with("lex") { "CH" } else { "INCR" };
    options(rng, &mut words, &["NX", "XX", "GT", "LT", "CH", incr]);
    for _ in 0..rng.usize(..5) {
        words.extend([score(rng, &key), member(rng, &key)]);
    }
    if rng.u8(..40) == 0 {
        words.push("1".into());
    }
    words
}

fn telling(rng: &mut fastrand::Rng) -> Vec<String> {
    let key = key(rng);
    let rank = |rng: &mut fastrand::Rng| match rng.u8(..30) {
        0 => "x".to_owned(),
        _ => rng.i16(-20..20).to_string(),
    };
    let tells = ["WITHSCORES", "LIMIT"];
    let mut words = match rng.u8(..12) {
        0 | 1 => vec!["ZRANGE".into(), key, rank(rng), rank(rng)],
        2 => vec!["ZREVRANGE".into(), key, rank(rng), rank(rng)],
        3 | 4 => {
            vec!["ZRANGE".into(), key, score_bound(rng), score_bound(rng), "BYSCORE".into()]
        }
        5 | 6 => {
            let name = pick(rng, &["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]);
            let mut words = vec![name.into(), key, score_bound(rng), score_bound(rng)];
            options(rng, &mut words, &tells);
            return words;
        }
        7 | 8 => {
            let (name, key) = (pick(rng, &["ZRANGEBYLEX", "ZREVRANGEBYLEX"]), lex_key(rng));
            let mut words =
                vec![name.into(), key.clone(), lex_bound(rng, &key), lex_bound(rng, &key)];
            options(rng, &mut words, &tells);
            return words;
        }
        9 => {
            let key = lex_key(rng);
            let (min, max) = (lex_bound(rng, &key), lex_bound(rng, &key));
            let mut words = vec!["ZRANGE".into(), key, min, max, "BYLEX".into()];
            options(rng, &mut words, &["REV", "LIMIT", "WITHSCORES"]);
            return words;
        }
        10 => return vec!["ZCOUNT".into(), key, score_bound(rng), score_bound(rng)],
        _ => {
            let key = lex_key(rng);
            return vec![
                "ZLEXCOUNT".into(),
                key.clone(),
                lex_bound(rng, &key),
                lex_bound(rng, &key),
            ];
        }
    };
    options(rng, &mut words, &["REV", "WITHSCORES", "LIMIT", "BYSCORE", "oops"]);
    words
}

fn removing(rng: &mut fastrand::Rng) -> Vec<String> {
    let key = key(rng);
    let few = |rng: &mut fastrand::Rng| rng.i16(-6..6).to_string();
    match rng.u8(..10) {
        0 => vec!["ZREMRANGEBYRANK".into(), key, few(rng), few(rng)],
        1 => {
            let low = rng.i32(-12..30);
            vec!["ZREMRANGEBYSCORE".into(), key, low.to_string(), format!("({}", low + 3)]
        }
        2 => {
            let key = lex_key(rng);
            let number = rng.u32(..300);
            let (min, max) = (format!("[m{number}"), format!("(m{}", number + 2));
            vec!["ZREMRANGEBYLEX".into(), key, min, max]
        }
        3 | 4 => {
            let mut words = vec![pick(rng, &["ZPOPMIN", "ZPOPMAX"]).into(), key];
            if rng.bool() {
                words.push(rng.i8(-1..6).to_string());
            }
            words
        }
        5 => {
            let end = pick(rng, &["MIN", "MAX", "max", "x"]).to_owned();
            let mut words = vec!["ZMPOP".into(), rng.u8(..4).to_string(), key, self::key(rng), end];
            options(rng, &mut words, &["COUNT"]);
            words
        }
        6 if rng.u8(..4) == 0 && key != "string" => vec!["DEL".into(), key],
        _ => vec!["ZREM".into(), key.clone(), member(rng, &key), member(rng, &key)],
    }
}

fn combining(rng: &mut fastrand::Rng) -> Vec<String> {
    let name = pick(
        rng,
        &["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"],
    );
    let mut words = vec![name.to_owned()];
    if name.ends_with("STORE") {
        words.push(pick(rng, &["a", "b", "c", "target"]).into());
    }
    let keys = rng.usize(1..4);
    words.push(if rng.u8(..20) == 0 { "0".into() } else { keys.to_string() });
    for _ in 0..keys {
        let from = ["a", "b", "c", "large", "lex", "lexlarge", "target", "none"];
        let rare = rng.u8(..20) == 0;
        words.push(if rare { "string".into() } else { pick(rng, &from).into() });
    }
    if rng.u8(..3) == 0 {
        words.push("WEIGHTS".into());
        words.extend((0..keys).map(|_| rng.i8(1..5).to_string()));
    }
    if rng.u8(..3) == 0 {
        words.extend(["AGGREGATE".into(), pick(rng, &["SUM", "MIN", "MAX", "AVG"]).into()]);
    }
    options(rng, &mut words, &["WITHSCORES", "LIMIT"]);
    words
}

/// A command.
pub fn random_command(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let words = match rng.u8(..20) {
        0..=7 => adding(rng),
        8..=11 => telling(rng),
        12 | 13 => removing(rng),
        14 | 15 => combining(rng),
        16 => {
            let (key, name) = (key(rng), pick(rng, &["ZRANK", "ZREVRANK", "ZSCORE"]));
            vec![name.into(), key.clone(), member(rng, &key)]
        }
        17 => {
            let key = key(rng);
            vec!["ZMSCORE".into(), key.clone(), member(rng, &key), member(rng, &key)]
        }
        18 => {
            let (from, to) = (pick(rng, &["a", "b", "large"]), pick(rng, &["c", "target"]));
            let (min, max) = (rng.i16(-20..20).to_string(), rng.i16(-20..20).to_string());
            let mut words = vec!["ZRANGESTORE".into(), to.into(), from.to_owned(), min, max];
            options(rng, &mut words, &["BYSCORE", "REV", "LIMIT", "WITHSCORES"]);
            words
        }
        _ => vec![pick(rng, &["ZCARD", "TYPE"]).into(), key(rng)],
    };
    words.into_iter().map(String::into_bytes).collect()
}
