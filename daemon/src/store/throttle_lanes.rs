//! Failures and locks, one row per lane.

use rusqlite::{Row, params};
use twinlock_verifier::{
    throttle::{Lane, LaneKey, Throttle},
    time::Timestamp,
};

use super::{
    Records, StoreError,
    numbers::{seconds, timestamp},
};

impl Records<'_> {
    /// The throttle of an account, as this transaction sees it.
    pub(crate) fn throttle(&self, uid: u32) -> Result<Throttle, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT lane, failures, locked_at, last_failure, last_accept
             FROM throttle_lanes WHERE uid = ?1",
        )?;
        let mut rows = query.query([uid])?;
        let mut lanes = Vec::new();
        while let Some(row) = rows.next()? {
            lanes.push(read(row)?);
        }
        Ok(Throttle::from_rows(lanes))
    }

    /// Turns the rows, which hold `before`, into those of `throttle`; their number is bounded by the
    /// value (I21).
    pub(crate) fn write_throttle(
        &self,
        uid: u32,
        before: &Throttle,
        throttle: &Throttle,
    ) -> Result<(), StoreError> {
        let kept = |key: LaneKey| throttle.rows().any(|(other, _)| other == key);
        for (key, _) in before.rows().filter(|(key, _)| !kept(*key)) {
            self.connection
                .prepare_cached("DELETE FROM throttle_lanes WHERE uid = ?1 AND lane = ?2")?
                .execute(params![uid, key.to_string()])?;
        }
        let unchanged = |key: LaneKey, lane: &Lane| before.rows().any(|old| old == (key, lane));
        for (key, lane) in throttle.rows().filter(|(key, lane)| !unchanged(*key, lane)) {
            self.write_lane(uid, key, lane)?;
        }
        Ok(())
    }

    fn write_lane(&self, uid: u32, key: LaneKey, lane: &Lane) -> Result<(), StoreError> {
        let time = |time: Option<Timestamp>| time.map(seconds);
        self.connection
            .prepare_cached(
                "INSERT INTO throttle_lanes
                    (uid, lane, failures, locked_at, last_failure, last_accept)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (uid, lane) DO UPDATE SET
                    failures = excluded.failures, locked_at = excluded.locked_at,
                    last_failure = excluded.last_failure, last_accept = excluded.last_accept",
            )?
            .execute(params![
                uid,
                key.to_string(),
                lane.failures,
                time(lane.locked_at),
                time(lane.last_failure),
                time(lane.last_accept)
            ])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<(LaneKey, Lane), StoreError> {
    // A lane nobody can read must not become a lane without failures.
    let key = row
        .get::<_, String>(0)?
        .parse()
        .map_err(|_| StoreError::Corrupt("a throttle lane nobody wrote"))?;
    let time =
        |column| -> Result<_, StoreError> { Ok(row.get::<_, Option<i64>>(column)?.map(timestamp)) };
    let lane = Lane {
        failures: row.get(1)?,
        locked_at: time(2)?,
        last_failure: time(3)?,
        last_accept: time(4)?,
    };
    Ok((key, lane))
}
