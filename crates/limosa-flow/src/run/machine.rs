//! The states of a run, and how they follow each other. Pure: the driver does what is said here.

use crate::outcome::Ending;
use crate::plan::Stage;

/// Where a run is. Durable: the journal holds it, and the driver writes it before it begins the work
/// that the phase names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// There is a plan and nothing was done.
    Planned,
    /// Namespaces, types, tables are made.
    Creating,
    /// Rows are copied.
    Copying,
    /// Keys and indexes are made.
    Keys,
    /// Foreign keys and checks are made.
    Constraints,
    /// Counters, views, comments, statistics.
    Finishing,
    /// Both databases are compared.
    Verifying,
    /// Everything was done.
    Complete,
    /// Everything was tried, and something failed. A next run tries that again.
    Partial,
}

impl Phase {
    /// All phases, in their usual order.
    pub const ALL: [Phase; 9] = [
        Phase::Planned,
        Phase::Creating,
        Phase::Copying,
        Phase::Keys,
        Phase::Constraints,
        Phase::Finishing,
        Phase::Verifying,
        Phase::Complete,
        Phase::Partial,
    ];

    /// The word in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Planned => "planned",
            Phase::Creating => "creating",
            Phase::Copying => "copying",
            Phase::Keys => "keys",
            Phase::Constraints => "constraints",
            Phase::Finishing => "finishing",
            Phase::Verifying => "verifying",
            Phase::Complete => "complete",
            Phase::Partial => "partial",
        }
    }

    /// The phase of a word.
    pub fn of(word: &str) -> Option<Phase> {
        Self::ALL.into_iter().find(|p| p.word() == word)
    }
}

/// Where a run is, with what it has to remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The phase.
    pub phase: Phase,
    /// Whether something failed since the run was last begun.
    pub flawed: bool,
    /// Whether the comparison is part of this run.
    pub verify: bool,
}

/// What happens to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody starts it, for the first time or again. `verify`: the comparison is part of it;
    /// `compared`: a comparison is in the journal already.
    Begin {
        /// Whether the comparison is wanted.
        verify: bool,
        /// Whether there is one.
        compared: bool,
    },
    /// The work of the present phase was done as far as it can be.
    Finished {
        /// Whether a part of it failed.
        flawed: bool,
    },
    /// Somebody asked to stop, and the work in hand is put down.
    Stopped,
}

/// What the driver does next, in order. Each may be done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Register in the ledger and take the lease.
    Acquire,
    /// Do the schema acts of a stage.
    Steps(Stage),
    /// Copy the rows.
    Copy,
    /// Compare.
    Verify,
    /// Take the ledger away: the target is clean.
    Clean,
    /// Give the lease back.
    Release,
    /// End with this.
    End(Ending),
}

/// Says what follows.
///
/// A flaw does not end a run: what does not depend on it goes on, and the end is `Partial` in place of
/// the comparison. `Begin` goes on where the run was; `Partial` begins from the first phase, whose
/// finished parts the driver skips.
pub fn next(state: State, event: Event) -> (State, Vec<Effect>) {
    use Effect::{Acquire, Clean, End, Release, Steps, Verify};
    let at = |phase, flawed| State {
        phase,
        flawed,
        verify: state.verify,
    };
    match (state.phase, event) {
        (Phase::Complete, Event::Begin { verify, compared }) => {
            let state = State { verify, ..state };
            if verify && !compared {
                // The ledger is gone: comparing needs no lease.
                (
                    State {
                        phase: Phase::Verifying,
                        flawed: false,
                        verify,
                    },
                    vec![Verify],
                )
            } else {
                (state, vec![Clean, End(Ending::Complete)])
            }
        }
        (phase, Event::Begin { verify, .. }) => {
            let phase = match phase {
                Phase::Planned | Phase::Partial => Phase::Creating,
                other => other,
            };
            // What failed before the run was stopped is tried again from the beginning.
            let (phase, flawed) = match (phase, state.flawed) {
                (_, true) => (Phase::Creating, false),
                (phase, false) => (phase, false),
            };
            let state = State {
                phase,
                flawed,
                verify,
            };
            let mut effects = match phase {
                Phase::Verifying => vec![],
                _ => vec![Acquire],
            };
            effects.extend(work(phase));
            (state, effects)
        }
        (phase, Event::Finished { flawed }) => {
            let flawed = flawed || state.flawed;
            match phase {
                Phase::Creating => (at(Phase::Copying, flawed), work(Phase::Copying)),
                Phase::Copying => (at(Phase::Keys, flawed), vec![Steps(Stage::Keys)]),
                Phase::Keys => (
                    at(Phase::Constraints, flawed),
                    vec![Steps(Stage::Constraints)],
                ),
                Phase::Constraints => (at(Phase::Finishing, flawed), vec![Steps(Stage::Finish)]),
                Phase::Finishing if flawed => (
                    at(Phase::Partial, flawed),
                    vec![Release, End(Ending::Partial)],
                ),
                Phase::Finishing if state.verify => (at(Phase::Verifying, false), vec![Verify]),
                // A comparison that finds differences has been done; the verdict says what it found.
                Phase::Finishing | Phase::Verifying => (
                    at(Phase::Complete, false),
                    vec![Clean, End(Ending::Complete)],
                ),
                Phase::Planned | Phase::Complete | Phase::Partial => (state, vec![]),
            }
        }
        (Phase::Planned | Phase::Complete | Phase::Partial, Event::Stopped) => (state, vec![]),
        (_, Event::Stopped) => (state, vec![Release, End(Ending::Interrupted)]),
    }
}

/// The work of a phase.
fn work(phase: Phase) -> Vec<Effect> {
    match phase {
        Phase::Creating => vec![Effect::Steps(Stage::Create)],
        Phase::Copying => vec![Effect::Copy],
        Phase::Keys => vec![Effect::Steps(Stage::Keys)],
        Phase::Constraints => vec![Effect::Steps(Stage::Constraints)],
        Phase::Finishing => vec![Effect::Steps(Stage::Finish)],
        Phase::Verifying => vec![Effect::Verify],
        Phase::Planned | Phase::Complete | Phase::Partial => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events() -> Vec<Event> {
        let mut all = vec![Event::Stopped];
        for a in [false, true] {
            all.push(Event::Finished { flawed: a });
            for b in [false, true] {
                all.push(Event::Begin {
                    verify: a,
                    compared: b,
                });
            }
        }
        all
    }

    fn states() -> Vec<State> {
        Phase::ALL
            .into_iter()
            .flat_map(|phase| {
                [(false, false), (false, true), (true, false), (true, true)].map(
                    |(flawed, verify)| State {
                        phase,
                        flawed,
                        verify,
                    },
                )
            })
            .collect()
    }

    #[test]
    fn every_state_answers_every_event_and_never_goes_on_after_an_end() {
        for state in states() {
            for event in events() {
                let (after, effects) = next(state, event);
                let end = effects.iter().position(|e| matches!(e, Effect::End(_)));
                assert!(
                    end.is_none_or(|at| at + 1 == effects.len()),
                    "{state:?} {event:?}"
                );
                if effects.contains(&Effect::End(Ending::Complete)) {
                    assert_eq!(after.phase, Phase::Complete);
                }
                if effects.contains(&Effect::Copy) {
                    assert_eq!(after.phase, Phase::Copying);
                }
            }
        }
    }

    #[test]
    fn words_and_phases_are_one_to_one() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase.word()), Some(phase));
        }
        assert_eq!(Phase::of("elsewhere"), None);
    }

    proptest! {
        /// Whatever happens on the way, a run that is begun again often enough ends complete, has
        /// done all stages in order, and has compared if that was asked.
        #[test]
        fn a_run_that_is_stopped_and_flawed_at_will_ends_complete(
            fate in proptest::collection::vec(0..4u8, 0..40), verify: bool
        ) {
            let mut state = State { phase: Phase::Planned, flawed: false, verify };
            let mut fate = fate.into_iter();
            let mut compared = false;
            'runs: for _ in 0..100 {
                let (after, mut effects) = next(state, Event::Begin { verify, compared });
                state = after;
                loop {
                    for effect in &effects {
                        match effect {
                            Effect::End(Ending::Complete) => {
                                prop_assert_eq!(compared, verify);
                                prop_assert!(!state.flawed);
                                return Ok(());
                            }
                            Effect::End(_) => continue 'runs,
                            Effect::Verify => compared = true,
                            _ => {}
                        }
                    }
                    prop_assert!(!effects.is_empty(), "a run that says nothing would hang");
                    let event = match fate.next() {
                        Some(0) => { if state.phase == Phase::Verifying { compared = false; } Event::Stopped }
                        Some(1) if state.phase != Phase::Verifying => Event::Finished { flawed: true },
                        _ => Event::Finished { flawed: false },
                    };
                    let (after, more) = next(state, event);
                    prop_assert!(after.phase >= state.phase || after.phase == Phase::Partial);
                    state = after;
                    effects = more;
                }
            }
            prop_assert!(false, "the run never ended");
        }
    }

    impl PartialOrd for Phase {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            let place = |p: &Phase| Phase::ALL.iter().position(|q| q == p);
            place(self).partial_cmp(&place(other))
        }
    }
}
