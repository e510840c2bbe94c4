//! Hours of a source's life in simulated time. No process, no sleep.

use super::*;

const STEP: Duration = Duration::from_millis(10);

/// A source that the test scripts: what it does after each start.
#[derive(Clone, Copy)]
enum Script {
    /// First frame after this, then every 100 ms.
    Good { first: Duration },
    /// Good for so long, then silent but alive, deaf to the interrupt.
    Freezes { after: Duration },
    /// Ends after this without a frame.
    Dies { after: Duration },
    /// Never a frame, never an end, ends when interrupted.
    Mute,
}

struct World {
    now: Instant,
    born: Instant,
    supervisor: Supervisor,
    script: Script,
    running_since: Option<Instant>,
    starts: Vec<Duration>,
    kills: usize,
    reports: Vec<State>,
}

impl World {
    fn new(script: Script) -> Self {
        // The one real clock reading: an origin, since `Instant` has no zero.
        let now = Instant::now();
        Self {
            now,
            born: now,
            supervisor: Supervisor::new(Rules::default()),
            script,
            running_since: None,
            starts: Vec::new(),
            kills: 0,
            reports: Vec::new(),
        }
    }

    fn input(&mut self, input: Input) {
        self.supervisor.handle(self.now, input);
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Start => {
                    assert!(self.running_since.is_none(), "two sources at once");
                    self.running_since = Some(self.now);
                    self.starts.push(self.now - self.born);
                }
                Action::Interrupt => {
                    if !matches!(self.script, Script::Freezes { .. }) {
                        self.exit();
                    }
                }
                Action::Kill => {
                    self.kills += 1;
                    self.exit();
                }
                Action::Report(state) => self.reports.push(state),
            }
        }
    }

    fn exit(&mut self) {
        self.running_since = None;
        self.supervisor.handle(self.now, Input::Exited { hopeless: false });
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            if let Some(since) = self.running_since {
                let age = self.now - since;
                match self.script {
                    Script::Good { first } if age >= first => self.input(Input::Frame(self.now)),
                    Script::Freezes { after } if age < after => self.input(Input::Frame(self.now)),
                    Script::Dies { after } if age >= after => {
                        self.running_since = None;
                        self.input(Input::Exited { hopeless: false });
                    }
                    _ => {}
                }
            }
            if self.supervisor.deadline().is_some_and(|(at, _)| at <= self.now) {
                self.input(Input::Timeout);
            }
        }
    }
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn an_hour_of_good_frames_is_one_start() {
    let mut world = World::new(Script::Good { first: STEP * 20 });
    world.input(Input::Want { restart: true });
    world.run(secs(3600));
    assert_eq!(world.starts.len(), 1);
    assert_eq!(world.reports, [State::Starting, State::Live]);
    world.input(Input::Unwant);
    world.run(secs(1));
    assert_eq!(world.reports, [State::Starting, State::Live, State::Stopping, State::Idle]);
    assert!(world.running_since.is_none());
    assert_eq!(world.supervisor.deadline(), None, "an idle source costs no wake-up");
}

#[test]
fn a_dying_source_backs_off_and_gives_up_at_the_third_failure() {
    let mut world = World::new(Script::Dies { after: STEP });
    world.input(Input::Want { restart: true });
    world.run(secs(1));
    assert_eq!(world.reports, [State::Starting, State::Failed]);
    let told_after = world.starts[2];
    assert!(told_after < secs(1), "those who wait hear of it before their patience ends: {told_after:?}");
    world.run(secs(3600));
    let rate = world.starts.len();
    assert!((350..=380).contains(&rate), "about one attempt in 10 s, for ever: {rate}");
    // It comes back by itself when the camera does.
    world.script = Script::Good { first: STEP };
    world.run(secs(11));
    assert_eq!(world.supervisor.state(), State::Live);
}

#[test]
fn without_restart_the_first_death_is_final_but_a_new_wish_tries_again() {
    let mut world = World::new(Script::Dies { after: STEP });
    world.input(Input::Want { restart: false });
    world.run(secs(60));
    assert_eq!(world.starts.len(), 1);
    assert_eq!(world.supervisor.state(), State::Failed);
    // A hundred impatient clients do not make a hundred attempts.
    for _ in 0..100 {
        world.input(Input::Unwant);
        world.input(Input::Want { restart: false });
        world.run(STEP);
    }
    assert!(world.starts.len() <= 4, "{:?}", world.starts);
}

#[test]
fn a_frozen_source_is_interrupted_then_killed_then_started_again() {
    let mut world = World::new(Script::Freezes { after: secs(60) });
    world.input(Input::Want { restart: true });
    world.run(secs(60 + 5 + 3) + secs(1));
    assert_eq!(world.kills, 1);
    assert_eq!(world.starts.len(), 2);
    assert_eq!(world.reports, [State::Starting, State::Live, State::Starting, State::Live]);
}

#[test]
fn a_mute_source_ends_after_its_start_timeout() {
    let mut world = World::new(Script::Mute);
    world.supervisor.set_start_timeout(secs(5));
    world.input(Input::Want { restart: false });
    world.run(secs(6));
    assert_eq!(world.reports, [State::Starting, State::Failed]);
    assert!(world.running_since.is_none());
}

#[test]
fn who_comes_while_it_stops_gets_a_fresh_start() {
    let mut world = World::new(Script::Freezes { after: secs(1) });
    world.input(Input::Want { restart: true });
    world.run(secs(2));
    world.input(Input::Unwant);
    assert_eq!(world.supervisor.state(), State::Stopping);
    world.input(Input::Want { restart: true });
    world.run(secs(4));
    assert_eq!((world.kills, world.starts.len()), (1, 2));
    assert_eq!(world.supervisor.state(), State::Live);
}

#[test]
fn no_order_of_facts_starts_two_or_forgets_one() {
    // xorshift64*, fixed seed: every run is the same run.
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |n: u64| {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        seed.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    };
    let scripts = [
        Script::Good { first: STEP * 30 },
        Script::Freezes { after: secs(2) },
        Script::Dies { after: STEP * 7 },
        Script::Mute,
    ];
    let mut world = World::new(scripts[0]);
    for _ in 0..3000 {
        match random(4) {
            0 => world.input(Input::Want { restart: random(2) == 0 }),
            1 => world.input(Input::Unwant),
            2 => world.script = scripts[random(4) as usize],
            _ => world.run(STEP * random(400) as u32),
        }
    }
    world.input(Input::Unwant);
    world.run(secs(60));
    assert_eq!(world.supervisor.state(), State::Idle);
    assert!(world.running_since.is_none(), "a source nobody wants was left running");
}

#[test]
fn a_source_that_is_known_to_be_well_does_not_wait_for_what_it_did_before() {
    let mut world = World::new(Script::Dies { after: Duration::from_millis(50) });
    world.input(Input::Want { restart: true });
    world.run(Duration::from_secs(30));
    assert_eq!(world.supervisor.state(), State::Failed);
    let tries = world.starts.len();
    world.script = Script::Good { first: Duration::from_millis(100) };
    world.input(Input::Anew);
    assert_eq!((world.supervisor.state(), world.supervisor.failures()), (State::Starting, 0));
    world.run(STEP);
    assert_eq!(world.starts.len(), tries + 1, "at once");
    world.run(Duration::from_millis(200));
    assert_eq!(world.supervisor.state(), State::Live);
    // Nobody wants it: nothing is started, and the next one does not wait.
    let mut world = World::new(Script::Dies { after: Duration::from_millis(50) });
    world.input(Input::Want { restart: true });
    world.run(Duration::from_secs(5));
    world.input(Input::Unwant);
    let tries = world.starts.len();
    world.input(Input::Anew);
    assert_eq!((world.supervisor.state(), world.starts.len()), (State::Idle, tries));
    world.input(Input::Want { restart: false });
    assert_eq!(world.starts.len(), tries + 1);
}
