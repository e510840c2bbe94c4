//! Hours of asking in milliseconds.

use super::*;

fn limits() -> Limits {
    Limits {
        general: Limit { per_second: 50.0, burst: 200.0 },
        methods: [("take_snapshot", Limit { per_second: 5.0, burst: 10.0 })].into(),
    }
}

fn of<'a>(session: Option<&'a mut Buckets>, principal: &'a str) -> Asker<'a> {
    Asker { session, principal: Some(principal), name: principal }
}

/// How many pass at `now`, and what the first refused one is told.
fn burst(
    limiter: &mut Limiter,
    mut session: Option<&mut Buckets>,
    principal: &str,
    method: &'static str,
    now: Instant,
) -> (usize, Duration) {
    for count in 0.. {
        if let Err(over) = limiter.ask(of(session.as_deref_mut(), principal), method, now) {
            return (count, over.retry_after);
        }
    }
    unreachable!("no burst is endless")
}

#[test]
fn a_burst_then_so_many_a_second_and_who_waits_as_told_passes() {
    let (mut limiter, mut session, start) = (Limiter::new(limits()), Buckets::default(), Instant::now());
    let told = burst(&mut limiter, Some(&mut session), "a", "ping", start);
    assert_eq!(told, (200, Duration::from_millis(20)));
    let told = burst(&mut limiter, Some(&mut session), "a", "ping", start + Duration::from_secs(1));
    assert_eq!(told.0, 50);
    // At any time, and not a millisecond before.
    let mut now = start + Duration::from_secs(1);
    for step in 0..500 {
        now += Duration::from_micros(37 * step);
        if let Err(over) = limiter.ask(of(Some(&mut session), "a"), "ping", now) {
            let early = now + over.retry_after.saturating_sub(Duration::from_millis(1));
            assert!(limiter.ask(of(Some(&mut session), "a"), "ping", early).is_err());
            now += over.retry_after;
            assert!(limiter.ask(of(Some(&mut session), "a"), "ping", now).is_ok(), "step {step}");
        }
    }
    let told = burst(&mut limiter, Some(&mut session), "a", "ping", now + Duration::from_hours(1));
    assert_eq!(told.0, 200, "a pause is worth one burst");
}

#[test]
fn a_method_s_own_limit_counts_besides() {
    let (mut limiter, mut session, now) = (Limiter::new(limits()), Buckets::default(), Instant::now());
    let told = burst(&mut limiter, Some(&mut session), "a", "take_snapshot", now);
    assert_eq!(told, (10, Duration::from_millis(200)));
    // What was refused cost nothing; what passed cost of the general limit too.
    assert_eq!(burst(&mut limiter, Some(&mut session), "a", "ping", now).0, 190);
}

#[test]
fn forty_sessions_of_one_principal_and_no_more() {
    let (mut limiter, now) = (Limiter::new(limits()), Instant::now());
    let mut passed = 0;
    for _ in 0..50 {
        passed += burst(&mut limiter, Some(&mut Buckets::default()), "a", "take_snapshot", now).0;
    }
    assert_eq!(passed, 400);
    assert_eq!(burst(&mut limiter, Some(&mut Buckets::default()), "b", "take_snapshot", now).0, 10);
    // Without a session only the principal's counts.
    assert_eq!(burst(&mut limiter, None, "c", "take_snapshot", now), (400, Duration::from_millis(5)));
}

#[test]
fn new_limits_apply_to_whoever_is_there() {
    let (mut limiter, mut session, now) = (Limiter::new(limits()), Buckets::default(), Instant::now());
    assert_eq!(burst(&mut limiter, Some(&mut session), "a", "ping", now).0, 200);
    let general = Limit { per_second: 1.0, burst: 300.0 };
    limiter.set(Limits { general, methods: BTreeMap::new() });
    assert_eq!(burst(&mut limiter, Some(&mut session), "a", "take_snapshot", now).0, 100);
    let general = Limit { per_second: 0.5, burst: 1.0 };
    limiter.set(Limits { general, methods: BTreeMap::new() });
    let told = burst(&mut limiter, Some(&mut session), "a", "ping", now);
    assert_eq!(told, (0, Duration::from_secs(2)), "nobody waits for more than one");
}

#[test]
fn a_refusal_is_noted_once_a_minute() {
    let general = Limit { per_second: 0.001, burst: 1.0 };
    let mut limiter = Limiter::new(Limits { general, methods: BTreeMap::new() });
    let (mut session, start) = (Buckets::default(), Instant::now());
    let mut noted = |method, seconds| {
        let now = start + Duration::from_secs(seconds);
        limiter.ask(of(Some(&mut session), "a"), method, now).err().map(|over| over.noted)
    };
    assert_eq!(noted("ping", 0), None);
    assert_eq!(
        [noted("ping", 0), noted("ping", 1), noted("ping", 59)],
        [Some(true), Some(false), Some(false)]
    );
    assert_eq!([noted("get_streams", 2), noted("ping", 60)], [Some(true), Some(true)]);
}

#[test]
fn the_tables_are_bounded_and_forget_who_owes_nothing() {
    let (mut limiter, start) = (Limiter::new(limits()), Instant::now());
    for n in 0..=MAX_PRINCIPALS {
        let now = start + Duration::from_nanos(n as u64);
        limiter.ask(of(None, &n.to_string()), "ping", now).unwrap();
    }
    assert_eq!(limiter.principals.len(), MAX_PRINCIPALS);
    assert!(!limiter.principals.contains_key("0") && limiter.principals.contains_key("1"));
    limiter.ask(of(None, "late"), "ping", start + Duration::from_secs(1)).unwrap();
    assert_eq!(limiter.principals.len(), 1);
    let notes = (0..2 * MAX_PRINCIPALS).filter(|n| limiter.note(&n.to_string(), "ping", start)).count();
    assert_eq!((notes, limiter.noted.len()), (MAX_PRINCIPALS, MAX_PRINCIPALS));
    assert!(limiter.note("late", "ping", start + NOTED_FOR));
}
