//! Connections of the pool, which cancel their statement on the server when the work of their thread is
//! cancelled.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postgres::{CancelToken, Client, Config as PgConfig};
use r2d2::{CustomizeConnection, ManageConnection};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::connector::Connector;
use crate::runtime::cancellation;

/// A cancelled statement that has not ended after this time is cancelled again: the server ignores a
/// request that arrives between two statements.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A pool of connections.
#[derive(Clone)]
pub struct Pool {
    pool: r2d2::Pool<Manager>,
    tls: Connector,
}

impl Pool {
    /// Makes no connection yet: the first one of the pool will be `first`, whose session is configured. `session`
    /// configures those that are made later.
    ///
    /// # Errors
    /// Settings that the pool rejects.
    pub fn new(
        (client, tls): (PgConfig, Connector),
        first: Client,
        size: u32,
        timeout: Duration,
        session: impl CustomizeConnection<PooledClient, postgres::Error>,
    ) -> Result<Self, r2d2::Error> {
        let first = Mutex::new(Some(first));
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(timeout)
            .connection_customizer(Box::new(session))
            .build(Manager { client, tls: tls.clone(), first })?;
        Ok(Pool { pool, tls })
    }

    /// A connection, whose statement is cancelled with the work of this thread.
    ///
    /// # Errors
    /// No connection within the time limit.
    pub fn get(&self) -> Result<Connection, r2d2::Error> {
        let pooled = self.pool.get()?;
        let cancellation = StatementCancellation::watch(&pooled.client, &self.tls);
        Ok(Connection { pooled, cancellation })
    }

    pub fn max_size(&self) -> u32 {
        self.pool.max_size()
    }

    pub fn state(&self) -> r2d2::State {
        self.pool.state()
    }
}

/// Makes the connections.
pub struct Manager {
    client: PgConfig,
    tls: Connector,
    /// A connection that was made before the pool, until the pool takes it.
    first: Mutex<Option<Client>>,
}

/// A connection in the pool.
pub struct PooledClient {
    pub client: Client,
    /// The settings of its session have been made.
    pub is_configured: bool,
    /// A request to cancel its statement may still be on its way, and would hit the next one.
    is_spent: bool,
}

impl ManageConnection for Manager {
    type Connection = PooledClient;
    type Error = postgres::Error;

    fn connect(&self) -> Result<PooledClient, postgres::Error> {
        let first = lock(&self.first).take();
        let client = match first {
            Some(client) => {
                return Ok(PooledClient { client, is_configured: true, is_spent: false });
            }
            None => self.client.connect(self.tls.clone())?,
        };
        Ok(PooledClient { client, is_configured: false, is_spent: false })
    }

    fn is_valid(&self, pooled: &mut PooledClient) -> Result<(), postgres::Error> {
        pooled.client.simple_query("").map(drop)
    }

    fn has_broken(&self, pooled: &mut PooledClient) -> bool {
        pooled.is_spent || pooled.client.is_closed()
    }
}

/// A connection in use, returned to the pool when dropped.
pub struct Connection {
    pooled: r2d2::PooledConnection<Manager>,
    cancellation: Option<StatementCancellation>,
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.pooled.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.pooled.client
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pooled.is_spent = self.cancellation.take().is_some_and(StatementCancellation::end);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionUse {
    Running,
    Cancelled,
    Returned,
}

/// Sends cancel requests from the moment at which the work of a thread is cancelled until its connection
/// is returned.
struct StatementCancellation {
    state: Arc<Mutex<ConnectionUse>>,
    returned: CancellationToken,
}

impl StatementCancellation {
    /// `None` if the work of this thread cannot be cancelled.
    fn watch(client: &Client, tls: &Connector) -> Option<Self> {
        let cancelled = cancellation::current()?;
        let runtime = Handle::try_current().ok()?;
        let watched = StatementCancellation {
            state: Arc::new(Mutex::new(ConnectionUse::Running)),
            returned: CancellationToken::new(),
        };
        let (state, returned) = (Arc::clone(&watched.state), watched.returned.clone());
        let (request, tls) = (client.cancel_token(), tls.clone());
        runtime.spawn(async move {
            tokio::select! {
                () = cancelled.cancelled() => {}
                () = returned.cancelled() => return,
            }
            while begin_cancelling(&state) {
                send(request.clone(), tls.clone()).await;
                let _ = tokio::time::timeout(RETRY_INTERVAL, returned.cancelled()).await;
            }
        });
        Some(watched)
    }

    /// True if a cancel request has been or is being sent.
    fn end(self) -> bool {
        self.returned.cancel();
        std::mem::replace(&mut *lock(&self.state), ConnectionUse::Returned)
            == ConnectionUse::Cancelled
    }
}

/// False once the connection has been returned.
fn begin_cancelling(state: &Mutex<ConnectionUse>) -> bool {
    let mut state = lock(state);
    if *state == ConnectionUse::Returned {
        return false;
    }
    *state = ConnectionUse::Cancelled;
    true
}

/// An error means that the server cannot be reached; the next attempt may succeed.
async fn send(request: CancelToken, tls: Connector) {
    let _ = tokio::task::spawn_blocking(move || request.cancel_query(tls)).await;
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
