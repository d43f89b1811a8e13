//! Rows of a table, as they are at the moment of the question.

use std::sync::Arc;

use super::aggregate::{Rows, Table, sessions};
use super::catalog::{Data, Row};
use super::select::Plan;
use super::server::State;
use super::writer::{Over, Writer};

/// Answers the query.
pub(super) async fn run(state: Arc<State>, plan: Plan, mut writer: Writer, legacy: bool) {
    // The client may leave in the middle; then there is nobody to tell.
    let _told = answer(state, plan, &mut writer, legacy).await;
}

async fn answer(state: Arc<State>, plan: Plan, writer: &mut Writer, legacy: bool) -> Result<(), Over> {
    let id = format!("query_{}", state.next_pull_id());
    writer.header(&id, &plan.columns).await?;
    let found = {
        let (state, plan) = (Arc::clone(&state), plan.clone());
        tokio::task::spawn_blocking(move || rows(&state, &plan)).await.map_err(|_| Over)?
    };
    let Some(found) = found else {
        let cause = "Unable to execute pull query: io.confluent.ksql.util.KsqlException: Error executing query \
                     locally at node http://127.0.0.1:8088/: Table scan unsupported on session tables";
        let class = "io.confluent.ksql.execution.streams.materialization.MaterializationException: ";
        let message = if legacy { cause.to_owned() } else { format!("{class}{cause}") };
        return writer.error(&message).await;
    };
    let mut text = Vec::new();
    let kept = found.iter().filter(|values| plan.keeps(&Row::Table(values)));
    for values in kept.take(plan.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)) {
        text.clear();
        plan.print(&Row::Table(values), &mut text);
        writer.row(&text).await?;
    }
    writer.flush().await?;
    writer.finish("").await
}

/// The table's rows; `None`: this table can be asked for one key only.
fn rows(state: &State, plan: &Plan) -> Option<Rows> {
    let Data::Table(table) = plan.source.data else { return Some(Rows::new()) };
    if table != Table::UserSessions {
        return Some(state.with_tables(|tables| tables.rows(table)));
    }
    let key = plan.source.columns.first()?.origin;
    let user = plan.condition.as_ref()?.pinned(key)?;
    Some(sessions(&state.world, state.transactions(), Some(user)))
}
