//! Questions to libvirt that do not wait for one another.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// libvirtd answers so many at once without being told to (`min_workers` is 5).
const MOST: usize = 4;
/// Fewer than so many questions are asked sooner than a thread is started.
const EACH: usize = 8;

/// The answers in the order of the questions, from a few threads.
pub(super) fn overlapped<Q: Send, A: Send>(
    questions: Vec<Q>,
    ask: impl Fn(Q) -> A + Sync,
) -> Vec<A> {
    let threads = (questions.len() / EACH).min(MOST);
    if threads < 2 {
        return questions.into_iter().map(ask).collect();
    }
    let count = questions.len();
    let questions: Vec<Mutex<Option<Q>>> = questions
        .into_iter()
        .map(|question| Mutex::new(Some(question)))
        .collect();
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, A)> = Vec::with_capacity(count);
    thread::scope(|scope| {
        let run = || {
            let mut own = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(question) = questions.get(index) else {
                    return own;
                };
                let question = question
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                own.extend(question.map(|question| (index, ask(question))));
            }
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        answers.extend(run());
        for other in others {
            match other.join() {
                Ok(own) => answers.extend(own),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    answers.sort_unstable_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        for count in [0, 1, EACH * 2, 1000] {
            let answers = overlapped((0..count).collect(), |question| question * 2);
            assert_eq!(answers, (0..count).map(|it| it * 2).collect::<Vec<_>>());
        }
    }
}
