//! A single-threaded executor for the futures of one connection: hyper's, and one for each request.

use crate::table::Handle;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The connections of which tasks were woken by the call about another one, each once. The host turns them next.
pub type Bell = Arc<Mutex<VecDeque<Handle>>>;

/// The woken tasks of one connection.
#[derive(Default)]
struct Queue {
    slots: Mutex<VecDeque<usize>>,
    /// Whether the connection is in the list of `bell`.
    rung: AtomicBool,
    bell: Mutex<Option<(Bell, Handle)>>,
}

impl Queue {
    fn push(&self, slot: usize) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).push_back(slot);
        if !self.rung.swap(true, Ordering::Relaxed) {
            if let Some((bell, connection)) = &*self.bell.lock().unwrap_or_else(PoisonError::into_inner) {
                bell.lock().unwrap_or_else(PoisonError::into_inner).push_back(*connection);
            }
        }
    }

    fn pop(&self) -> Option<usize> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// The waker of one task. Wakers must be `Send`, so the queue of woken tasks has a lock, though only one thread takes
/// it.
struct TaskWaker {
    slot: usize,
    queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.queue.push(self.slot);
        }
    }
}

struct Slot {
    task: Task,
    waker: Arc<TaskWaker>,
}

/// A handle that starts tasks, for requests and for hyper's HTTP/2.
#[derive(Clone, Default)]
pub struct Spawner(Rc<RefCell<Vec<Task>>>);

impl Spawner {
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(task));
    }
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Spawner {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// The tasks of one connection.
#[derive(Default)]
pub struct Tasks {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    woken: Arc<Queue>,
    spawner: Spawner,
}

impl Tasks {
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// Has `connection` listed in `bell` when one of its tasks is woken from now on.
    #[cfg(feature = "server")]
    pub fn set_bell(&self, bell: Bell, connection: Handle) {
        if self.has_woken() {
            bell.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
        }
        *self.woken.bell.lock().unwrap_or_else(PoisonError::into_inner) = Some((bell, connection));
    }

    /// Whether tasks were woken that have not been polled since.
    #[cfg(feature = "server")]
    pub fn has_woken(&self) -> bool {
        !self.woken.slots.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Polls woken tasks until none is left.
    pub fn run_until_stalled(&mut self) {
        loop {
            self.add_spawned();
            let Some(at) = self.woken.pop() else { return self.woken.rung.store(false, Ordering::Relaxed) };
            // A waker may outlive its task. Its slot is then empty, or holds another task, which one extra poll does
            // not harm.
            let Some(slot) = self.slots.get_mut(at).and_then(Option::as_mut) else { continue };
            slot.waker.queued.store(false, Ordering::Relaxed);
            let waker = Waker::from(slot.waker.clone());
            if let Poll::Ready(()) = slot.task.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.slots[at] = None;
                self.free.push(at);
            }
        }
    }

    /// Drops every task.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.spawner.0.borrow_mut().clear();
    }

    fn add_spawned(&mut self) {
        let spawned = std::mem::take(&mut *self.spawner.0.borrow_mut());
        for task in spawned {
            let at = self.free.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            });
            let waker = Arc::new(TaskWaker { slot: at, queued: AtomicBool::new(false), queue: self.woken.clone() });
            self.slots[at] = Some(Slot { task, waker: waker.clone() });
            waker.wake();
        }
    }
}
