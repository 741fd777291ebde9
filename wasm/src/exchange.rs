//! One request and its response: two bounded queues between the host and hyper, one for each direction. The names are
//! those of a request to a backend; for a client's request (`reply.rs`) `events` has the request and `body` the response.

use crate::codec::{push_u16, write_headers};
use crate::error::Failure;
use crate::limits;
use crate::table::Handle;
#[cfg(feature = "server")]
use crate::tasks::Bell;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A part of a response, or its end, as the host reads them in order.
pub enum Event {
    /// A 1xx response: `status:u16` and headers, as [`head`] writes them.
    Informational(Vec<u8>),
    Head(Vec<u8>),
    Data(Bytes),
    Trailers(Vec<u8>),
    /// The answer 101: from here on the connection carries raw bytes in both directions.
    Upgraded,
    End,
    /// The whole response to a client was written into the connection's output.
    #[cfg(feature = "server")]
    Answered,
    Failed(Failure),
}

/// The requests that have new events for the host, each once.
pub type Ready = Arc<Mutex<VecDeque<Handle>>>;

#[derive(Default)]
struct State {
    /// The part of the request body that hyper has not taken yet.
    body: VecDeque<Bytes>,
    body_bytes: usize,
    body_trailers: Option<HeaderMap>,
    body_ended: bool,
    body_waker: Option<Waker>,
    /// Whether the host waits for room in `body`.
    body_blocked: bool,
    /// The events that the host has not taken yet.
    events: VecDeque<Event>,
    /// The bytes of response body in `events`.
    data_bytes: usize,
    /// The number of informational responses so far.
    informational: usize,
    response_waker: Option<Waker>,
    cancelled: bool,
    /// The request whose response follows what is in `body`.
    #[cfg(feature = "server")]
    tail: Option<Exchange>,
    /// Whether the response goes to a client without the host, and how far that is.
    #[cfg(feature = "server")]
    splice: Splice,
    /// The bytes that a splice has moved since the host last asked.
    #[cfg(feature = "server")]
    spliced_bytes: usize,
    /// The connection that has this response, and where it is listed once its splice is over.
    #[cfg(feature = "server")]
    bell: Option<(Bell, Handle)>,
    /// Whether the request is in the list of ready ones.
    announced: bool,
    handle: Handle,
}

/// A request and its response, shared by the host's calls, the request's task and hyper's body. The state has a lock,
/// because hyper demands a `Send` callback for informational responses. Only one thread takes the lock.
#[derive(Clone)]
pub struct Exchange {
    state: Arc<Mutex<State>>,
    ready: Ready,
    /// The bytes in `events` from which on no more are added, but for one frame.
    queue_bytes: usize,
}

/// How a splice goes.
#[cfg(feature = "server")]
#[derive(Debug, PartialEq, Eq)]
pub struct SpliceProgress {
    /// The bytes moved since the host last asked.
    pub moved_bytes: usize,
    pub is_over: bool,
    /// Whether bytes wait that the client has not taken; otherwise its backend is waited for.
    pub waits_for_client: bool,
}

/// The splice of a response into a response to a client.
#[cfg(feature = "server")]
#[derive(Default)]
enum Splice {
    /// The host reads the response.
    #[default]
    None,
    /// The client's side reads it, and is woken when there is more.
    Reading(Option<Waker>),
    /// The client's side has read the last event, which the host gets next.
    Over,
}

impl Exchange {
    pub fn new(ready: Ready) -> Self {
        Self { state: Arc::default(), ready, queue_bytes: limits::RESPONSE_QUEUE_BYTES }
    }

    /// The exchange of a client's request.
    #[cfg(feature = "server")]
    pub fn of_client(ready: Ready) -> Self {
        Self { queue_bytes: limits::CLIENT_QUEUE_BYTES, ..Self::new(ready) }
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

    // The methods that the host's calls use.

    pub fn set_handle(&self, handle: Handle) {
        self.state().handle = handle;
    }

    #[cfg(feature = "server")]
    pub fn handle(&self) -> Handle {
        self.state().handle
    }

    /// Records that the host knows of the events so far. The next event makes the request ready again.
    pub fn mark_seen(&self) {
        self.state().announced = false;
    }

    /// Takes bytes of the request body. Answers how many were taken: fewer than given when the queue is full.
    pub fn write(&self, bytes: &[u8]) -> usize {
        let mut state = self.state();
        if state.body_ended {
            return 0;
        }
        let taken = bytes.len().min(limits::REQUEST_QUEUE_BYTES.saturating_sub(state.body_bytes));
        state.body_blocked = taken < bytes.len();
        if taken > 0 {
            state.body.push_back(Bytes::copy_from_slice(&bytes[..taken]));
            state.body_bytes += taken;
            wake(&mut state.body_waker);
        }
        taken
    }

    /// Takes a whole body, which is no longer than the host's input buffer, whether its queue has room or not.
    #[cfg(feature = "server")]
    pub fn write_whole(&self, bytes: &[u8]) {
        let mut state = self.state();
        if !bytes.is_empty() {
            state.body.push_back(Bytes::copy_from_slice(bytes));
            state.body_bytes += bytes.len();
        }
        drop(state);
        self.end(HeaderMap::new());
    }

    /// Ends the request body.
    pub fn end(&self, trailers: HeaderMap) {
        let mut state = self.state();
        state.body_trailers = (!trailers.is_empty()).then_some(trailers);
        state.body_ended = true;
        wake(&mut state.body_waker);
    }

    pub fn is_uploading(&self) -> bool {
        !self.state().body_ended
    }

    pub fn cancel(&self) {
        let mut state = self.state();
        state.cancelled = true;
        wake(&mut state.body_waker);
        wake(&mut state.response_waker);
    }

    /// Takes the next event.
    pub fn next(&self) -> Option<Event> {
        let mut state = self.state();
        #[cfg(feature = "server")]
        if matches!(state.splice, Splice::Reading(_)) {
            return None; // The events are the client's.
        }
        let event = state.events.pop_front()?;
        if let Event::Data(data) = &event {
            state.data_bytes -= data.len();
            if state.data_bytes < self.queue_bytes {
                wake(&mut state.response_waker);
            }
        }
        Some(event)
    }

    // The methods that the request's task and hyper use.

    pub fn push(&self, event: Event) {
        let mut state = self.state();
        if let Event::Data(data) = &event {
            state.data_bytes += data.len();
        }
        state.events.push_back(event);
        #[cfg(feature = "server")]
        if let Splice::Reading(waker) = &mut state.splice {
            return wake(waker);
        }
        self.announce(&mut state);
    }

    /// Adds a frame of a body.
    pub fn push_frame(&self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => self.push(Event::Data(data)),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    let mut out = Vec::new();
                    write_headers(&trailers, &mut out);
                    self.push(Event::Trailers(out));
                }
            }
        }
    }

    /// Has the response of `source` follow what the host has written of this one's body. The connection of `source` is
    /// listed in `bell` once the splice is over.
    #[cfg(feature = "server")]
    pub fn splice(&self, source: Exchange, bell: (Bell, Handle)) {
        {
            let mut state = source.state();
            (state.splice, state.bell) = (Splice::Reading(None), Some(bell));
        }
        let mut state = self.state();
        state.tail = Some(source);
        wake(&mut state.body_waker);
    }

    /// How the splice into this exchange goes; None when there is none.
    #[cfg(feature = "server")]
    pub fn splice_progress(&self) -> Option<SpliceProgress> {
        let source = self.state().tail.clone()?;
        let mut state = source.state();
        Some(SpliceProgress {
            moved_bytes: std::mem::take(&mut state.spliced_bytes),
            is_over: !matches!(state.splice, Splice::Reading(_)),
            waits_for_client: state.data_bytes > 0,
        })
    }

    /// Says that a splice of this response is over: what is left of it is the host's.
    #[cfg(feature = "server")]
    fn spliced(&self, state: &mut State, splice: Splice) {
        state.splice = splice;
        self.announce(state);
        if let Some((bell, connection)) = state.bell.take() {
            bell.lock().unwrap_or_else(PoisonError::into_inner).push_back(connection);
        }
    }

    /// The next frame of a spliced response. The host gets the last event, too, because the request is over with it. It
    /// also gets trailers, which it ends the client's response with once it has checked them.
    #[cfg(feature = "server")]
    fn poll_spliced(&self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let mut state = self.state();
        if matches!(state.splice, Splice::Over) {
            return Poll::Pending;
        }
        loop {
            match state.events.pop_front() {
                Some(Event::Data(data)) => {
                    state.data_bytes -= data.len();
                    state.spliced_bytes += data.len();
                    if state.data_bytes < self.queue_bytes {
                        wake(&mut state.response_waker);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(last @ (Event::Trailers(_) | Event::End | Event::Failed(_))) => {
                    let step = match last {
                        Event::Trailers(_) => Poll::Pending,
                        Event::End => Poll::Ready(None),
                        _ => Poll::Ready(Some(Err(h2::Reason::CANCEL.into()))),
                    };
                    state.events.push_front(last);
                    self.spliced(&mut state, Splice::Over);
                    return step;
                }
                Some(_) => {}
                None => {
                    state.splice = Splice::Reading(Some(context.waker().clone()));
                    return Poll::Pending;
                }
            }
        }
    }

    /// Gives a response back to the host, because its client takes no more of it.
    #[cfg(feature = "server")]
    fn end_splice(&self) {
        let mut state = self.state();
        if matches!(state.splice, Splice::Reading(_)) {
            self.spliced(&mut state, Splice::None);
        }
    }

    /// Drops the bytes that the host has not taken.
    #[cfg(feature = "server")]
    pub fn drop_data(&self) {
        let mut state = self.state();
        state.events.retain(|event| !matches!(event, Event::Data(_)));
        state.data_bytes = 0;
        wake(&mut state.response_waker);
    }

    /// Adds an informational response, for hyper's callback. One above the limit ends the exchange, because hyper
    /// itself has no limit.
    pub fn push_informational(&self, status: u16, headers: &HeaderMap) {
        let mut state = self.state();
        state.informational += 1;
        if state.informational <= limits::MAX_INFORMATIONAL && headers.len() <= limits::MAX_HEADERS {
            state.events.push_back(Event::Informational(head(status, headers)));
            self.announce(&mut state);
        } else {
            wake(&mut state.response_waker);
        }
    }

    /// Whether the peer has sent more informational responses than the limit.
    pub fn is_flooded(&self) -> bool {
        self.state().informational > limits::MAX_INFORMATIONAL
    }

    /// Waits for room: ready with `true` when the queue has room for response bytes, and with `false` when the request
    /// is cancelled.
    pub fn poll_room(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if state.cancelled {
            return Poll::Ready(false);
        }
        if state.data_bytes < self.queue_bytes {
            return Poll::Ready(true);
        }
        state.response_waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits until the request is cancelled, or flooded with informational responses. This function stores its waker
    /// where `poll_room` does, so a task waits for one of the two at a time.
    pub fn poll_cancelled(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.cancelled || state.informational > limits::MAX_INFORMATIONAL {
            return Poll::Ready(());
        }
        state.response_waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits for the next request bytes after an upgrade: ready with None after the host has ended them.
    pub fn poll_body(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state();
        match state.body.pop_front() {
            Some(data) => {
                self.release(&mut state, data.len());
                Poll::Ready(Some(data))
            }
            None if state.body_ended || state.cancelled => Poll::Ready(None),
            None => {
                state.body_waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Counts bytes of the request body that left the queue.
    fn release(&self, state: &mut State, bytes: usize) {
        state.body_bytes -= bytes;
        if std::mem::take(&mut state.body_blocked) {
            self.announce(state);
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// `status:u16` and headers.
pub fn head(status: u16, headers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    push_u16(&mut out, status.into());
    write_headers(headers, &mut out);
    out
}

/// A body of the host's that hyper reads: of a request to a backend, or of a response to a client.
pub enum OutgoingBody {
    Empty,
    Queued(Exchange),
}

#[cfg(feature = "server")]
impl Drop for OutgoingBody {
    fn drop(&mut self) {
        if let Self::Queued(exchange) = self {
            let source = exchange.state().tail.take();
            if let Some(source) = source {
                source.end_splice();
            }
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    /// The error of a cancelled request: hyper resets an HTTP/2 stream with the reason that the error holds.
    type Error = h2::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Self::Queued(exchange) = &*self else { return Poll::Ready(None) };
        let mut state = exchange.state();
        if state.cancelled {
            return Poll::Ready(Some(Err(h2::Reason::CANCEL.into())));
        }
        if let Some(data) = state.body.pop_front() {
            exchange.release(&mut state, data.len());
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if state.body_ended {
            return Poll::Ready(state.body_trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        state.body_waker = Some(context.waker().clone());
        #[cfg(feature = "server")]
        if let Some(source) = &state.tail {
            let frame = std::task::ready!(source.poll_spliced(context));
            state.body_ended |= frame.is_none();
            return Poll::Ready(frame);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Queued(exchange) => {
                let state = exchange.state();
                state.body_ended && state.body.is_empty() && state.body_trailers.is_none() && !state.cancelled
            }
        }
    }

    /// An exact size when the queue holds the whole body: then hyper writes content-length and no chunks.
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Queued(exchange) => {
                let state = exchange.state();
                if state.body_ended && state.body_trailers.is_none() {
                    SizeHint::with_exact(state.body_bytes as u64)
                } else {
                    SizeHint::default()
                }
            }
        }
    }
}
