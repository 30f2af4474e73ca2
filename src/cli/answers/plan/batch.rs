//! Several plans on one screen: a row for each domain.

use crate::model::{Plan, count, size};

use super::super::layout::Columns;
use super::Look;
use super::screen::{extras, outcome, plan, power};
use crate::cli::safe::safe;

const ROWS: Columns<5> = Columns {
    right: &[3],
    elastic: 0,
    least: 12,
};

/// One plan whole; of several a row for each, or with `-v` each of them whole.
pub fn plans(plans: &[&Plan], look: Look) -> String {
    if plans.len() == 1 || look.whole {
        let shown: Vec<String> = plans.iter().map(|one| plan(one, look)).collect();
        return shown.join("\n\n");
    }
    let rows: Vec<[String; 5]> = (plans.iter())
        .map(|plan| {
            [
                safe(&plan.domain.name),
                power(plan).to_owned(),
                outcome(plan),
                match plan.is_executable() {
                    true => size(plan.allocated()),
                    false => "REFUSED".to_owned(),
                },
                extras(plan).join(", "),
            ]
        })
        .collect();
    let mut lines = vec![format!("{}:", count(plans.len(), "domain"))];
    lines.extend(ROWS.drawn(&rows, look.width));
    lines.join("\n")
}
