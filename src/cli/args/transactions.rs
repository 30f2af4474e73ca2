//! Which transactions are meant, and under which identity a domain comes back from one.

use clap::Args;

use crate::engine::Wish;
use crate::model::TransactionId;

#[derive(Debug, Args)]
pub struct Ids {
    /// A transaction's number, as `list` shows it
    #[arg(required = true, value_name = "ID", value_parser = transaction_id)]
    pub ids: Vec<TransactionId>,
}

/// For a domain whose name or UUID somebody has taken. Of one transaction at a time.
#[derive(Debug, Clone, Args)]
pub struct Identity {
    /// Define the domain under this name; its disks come back at their own paths
    #[arg(long, value_name = "NAME", value_parser = domain_name)]
    pub as_name: Option<String>,
    /// Give it a new UUID
    #[arg(long)]
    pub new_uuid: bool,
    /// Give its network cards new MAC addresses
    #[arg(long)]
    pub new_macs: bool,
}

impl Identity {
    pub fn wish(self) -> Wish {
        Wish {
            name: self.as_name,
            new_uuid: self.new_uuid,
            new_macs: self.new_macs,
        }
    }
}

/// What libvirt takes as a name: it becomes part of file names.
fn domain_name(text: &str) -> Result<String, String> {
    // NAME.save, NAME_VARS.qcow2 and the like must fit into 255 bytes.
    const LONGEST: usize = 200;
    let is_name = !matches!(text, "" | "." | "..") && text.len() <= LONGEST;
    if is_name && !text.chars().any(|c| c == '/' || c.is_control()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a domain's name has 1 to {LONGEST} bytes, no slash and no control characters"
    ))
}

pub(super) fn transaction_id(text: &str) -> Result<TransactionId, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(TransactionId(number)),
        _ => Err("a transaction's id is a whole number from 1 (see `virt-retire list`)".into()),
    }
}
