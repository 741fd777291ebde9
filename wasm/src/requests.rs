//! The requests of one client's connection, shared between the host's calls and the tasks of hyper's server.

use crate::error::{Code, Failure, Sent};
use crate::exchange::{Event, Exchange, Ready};
use crate::limits;
use crate::reply::Served;
use crate::request_gate::{EXPECTS_CONTINUE, HAS_BODY};
use crate::table::{Handle, Table};
use std::cell::{Cell, RefCell};
use std::sync::PoisonError;

/// The requests of one connection, and the reason why it is over.
pub struct Requests {
    table: RefCell<Table<Served>>,
    ready: Ready,
    ended: RefCell<Option<Failure>>,
    answered: Cell<usize>,
    cancelled: Cell<usize>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            table: RefCell::new(Table::new(limits::MAX_SERVED)),
            ready: Ready::default(),
            ended: RefCell::default(),
            answered: Cell::default(),
            cancelled: Cell::default(),
        }
    }
}

impl Requests {
    /// Adds a request, whose head the host sees next; None when there are too many that the host has not finished with.
    /// A request without a body has no event for its end.
    pub fn begin(&self, head: Vec<u8>) -> Option<Served> {
        let (has_body, expects) = (head[0] & HAS_BODY != 0, head[0] & EXPECTS_CONTINUE != 0);
        let request = Served::new(Exchange::of_client(self.ready.clone()), !expects);
        if !has_body {
            request.mark(false);
        }
        let handle = self.table.borrow_mut().insert(request.clone())?;
        request.exchange.set_handle(handle);
        request.exchange.push(Event::Head(head));
        Some(request)
    }

    pub fn get(&self, request: Handle) -> Result<Served, Failure> {
        self.table.borrow().get(request).cloned().ok_or_else(no_request)
    }

    pub fn forget(&self, request: Handle) -> Result<Served, Failure> {
        self.table.borrow_mut().remove(request).ok_or_else(no_request)
    }

    pub fn in_flight(&self) -> usize {
        self.table.borrow().len()
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The next request that has new events.
    pub fn next_ready(&self) -> Option<Handle> {
        loop {
            let handle = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
            if let Some(request) = self.table.borrow().get(handle) {
                request.exchange.mark_seen();
                return Some(handle);
            }
        }
    }

    /// The request's next event. The request is forgotten when its message has ended and its response is written.
    pub fn next_event(&self, handle: Handle) -> Result<Option<Event>, Failure> {
        let request = self.get(handle)?;
        let event = request.exchange.next();
        let is_over = match &event {
            Some(Event::Failed(_)) => true,
            Some(Event::End) => request.mark(false),
            Some(Event::Answered) => request.mark(true),
            _ => false,
        };
        if is_over {
            self.table.borrow_mut().remove(handle);
        }
        Ok(event)
    }

    /// The reason why the connection is over; None while it is not.
    pub fn ended(&self) -> Option<Failure> {
        self.ended.borrow().clone()
    }

    /// Ends the connection, if nothing has ended it before.
    pub fn end(&self, failure: Failure) {
        self.ended.borrow_mut().get_or_insert(failure);
    }

    /// Ends the connection for a reason that is better known than the one so far.
    pub fn end_instead(&self, failure: Failure) {
        *self.ended.borrow_mut() = Some(failure);
    }

    /// Records that the whole response to `request` was written.
    pub fn answered(&self, request: &Served) {
        self.answered.set(self.answered.get() + 1);
        request.exchange.push(Event::Answered);
    }

    /// Records that the client has cancelled `request`, or that the connection has ended under it. A client that cancels
    /// many more requests than it lets be answered causes work without end (CVE-2023-44487): its connection ends.
    pub fn cancelled(&self, request: &Served) {
        if request.cancelled().is_some() {
            return; // The host has cancelled it, and knows.
        }
        let cancelled = || Failure::new(Code::StreamReset, "the client cancelled the request");
        let failure = self.ended().unwrap_or_else(cancelled);
        request.fail(failure.with_sent(Sent::Maybe));
        self.cancelled.set(self.cancelled.get() + 1);
        if self.cancelled.get() > limits::MAX_CANCELLED + self.answered.get() {
            let failure = Failure::new(Code::Http2Protocol, "more requests cancelled than may be");
            self.end(failure.with_aux(h2::Reason::ENHANCE_YOUR_CALM.into()));
        }
    }
}

fn no_request() -> Failure {
    Failure::new(Code::BadHandle, "no such request")
}
