//! One request and its response: two bounded queues between the host and hyper.

use crate::codec::{push_u16, write_headers};
use crate::error::Failure;
use crate::limits;
use crate::table::Handle;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What the host reads of a response, in order.
pub enum Event {
    /// `status:u16` and headers, as [`head`] writes them.
    Informational(Vec<u8>),
    Head(Vec<u8>),
    Data(Bytes),
    Trailers(Vec<u8>),
    /// From here on both directions are raw bytes.
    Upgraded,
    End,
    Failed(Failure),
}

/// Requests with something new for the host, each once.
pub type Ready = Arc<Mutex<VecDeque<Handle>>>;

#[derive(Default)]
struct State {
    up: VecDeque<Bytes>,
    up_bytes: usize,
    up_trailers: Option<HeaderMap>,
    up_ended: bool,
    up_waker: Option<Waker>,
    /// The host found no room and waits for some.
    up_blocked: bool,
    down: VecDeque<Event>,
    down_bytes: usize,
    informational: usize,
    down_waker: Option<Waker>,
    cancelled: bool,
    announced: bool,
    handle: Handle,
}

/// Shared by the host's side, the task and hyper's body. Locked, not a `RefCell`, because hyper wants the callback for
/// informational responses to be `Send`; one thread uses it, so nothing ever waits.
#[derive(Clone)]
pub struct Exchange {
    state: Arc<Mutex<State>>,
    ready: Ready,
}

impl Exchange {
    pub fn new(ready: Ready) -> Self {
        Self { state: Arc::default(), ready }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, state: &mut State) {
        if !state.announced {
            state.announced = true;
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(state.handle);
        }
    }

    // The host's side.

    pub fn name(&self, handle: Handle) {
        self.state().handle = handle;
    }

    /// The host was told; the next event tells it again.
    pub fn acknowledge(&self) {
        self.state().announced = false;
    }

    /// Takes request bytes, fewer than given when the queue is full.
    pub fn write(&self, bytes: &[u8]) -> usize {
        let mut state = self.state();
        if state.up_ended {
            return 0;
        }
        let taken = bytes.len().min(limits::UP_BYTES.saturating_sub(state.up_bytes));
        state.up_blocked = taken < bytes.len();
        if taken > 0 {
            state.up.push_back(Bytes::copy_from_slice(&bytes[..taken]));
            state.up_bytes += taken;
            wake(&mut state.up_waker);
        }
        taken
    }

    pub fn end(&self, trailers: HeaderMap) {
        let mut state = self.state();
        state.up_trailers = (!trailers.is_empty()).then_some(trailers);
        state.up_ended = true;
        wake(&mut state.up_waker);
    }

    pub fn is_uploading(&self) -> bool {
        !self.state().up_ended
    }

    pub fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        wake(&mut state.up_waker);
        wake(&mut state.down_waker);
    }

    pub fn next(&self) -> Option<Event> {
        let mut state = self.state();
        let event = state.down.pop_front()?;
        if let Event::Data(data) = &event {
            state.down_bytes -= data.len();
            if state.down_bytes < limits::DOWN_BYTES {
                wake(&mut state.down_waker);
            }
        }
        Some(event)
    }

    // The task's side.

    pub fn push(&self, event: Event) {
        let mut state = self.state();
        if let Event::Data(data) = &event {
            state.down_bytes += data.len();
        }
        state.down.push_back(event);
        self.announce(&mut state);
    }

    /// Called by hyper for a 1xx. One too many ends the exchange: hyper would read them for ever.
    pub fn push_informational(&self, status: u16, headers: &HeaderMap) {
        let mut state = self.state();
        state.informational += 1;
        if state.informational <= limits::MAX_INFORMATIONAL && headers.len() <= limits::MAX_HEADERS {
            state.down.push_back(Event::Informational(head(status, headers)));
            self.announce(&mut state);
        } else {
            wake(&mut state.down_waker);
        }
    }

    pub fn is_flooded(&self) -> bool {
        self.state().informational > limits::MAX_INFORMATIONAL
    }

    /// Ready when the response may go on: `true` for room, `false` for cancelled.
    pub fn poll_room(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if state.cancelled {
            return Poll::Ready(false);
        }
        if state.down_bytes < limits::DOWN_BYTES {
            return Poll::Ready(true);
        }
        state.down_waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ready when cancelled, or flooded with 1xx. The caller must not hold room's waker at the same time: there is one.
    pub fn poll_cancelled(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.cancelled || state.informational > limits::MAX_INFORMATIONAL {
            return Poll::Ready(());
        }
        state.down_waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Request bytes after an upgrade; None once the host ended them.
    pub fn poll_up(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state();
        match state.up.pop_front() {
            Some(data) => {
                self.taken(&mut state, data.len());
                Poll::Ready(Some(data))
            }
            None if state.up_ended || state.cancelled => Poll::Ready(None),
            None => {
                state.up_waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn taken(&self, state: &mut State, bytes: usize) {
        state.up_bytes -= bytes;
        if std::mem::take(&mut state.up_blocked) {
            self.announce(state);
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

pub fn head(status: u16, headers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    push_u16(&mut out, status.into());
    write_headers(headers, &mut out);
    out
}

/// The request body hyper reads.
pub enum RequestBody {
    Empty,
    Queued(Exchange),
}

impl Body for RequestBody {
    type Data = Bytes;
    /// hyper resets an HTTP/2 stream with the reason it finds in the error.
    type Error = h2::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Self::Queued(exchange) = &*self else { return Poll::Ready(None) };
        let mut state = exchange.state();
        if state.cancelled {
            return Poll::Ready(Some(Err(h2::Reason::CANCEL.into())));
        }
        if let Some(data) = state.up.pop_front() {
            exchange.taken(&mut state, data.len());
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if state.up_ended {
            return Poll::Ready(state.up_trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        state.up_waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Queued(exchange) => {
                let state = exchange.state();
                state.up_ended && state.up.is_empty() && state.up_trailers.is_none() && !state.cancelled
            }
        }
    }

    /// Exact when the whole body is here already: then hyper writes content-length instead of chunks.
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Queued(exchange) => {
                let state = exchange.state();
                if state.up_ended && state.up_trailers.is_none() {
                    SizeHint::with_exact(state.up_bytes as u64)
                } else {
                    SizeHint::default()
                }
            }
        }
    }
}
