//! The command `setup-link`: a link that creates the first administrator.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use app::entrance::setup_path;

use super::bootstrap::{Bootstrap, warn_of_loopback};
use crate::http::origin::public_url::PublicUrl;

/// Prints a link to create the first administrator.
pub async fn setup_link(
    bootstrap: Bootstrap,
    public_url: &str,
) -> Result<ExitCode, Box<dyn Error>> {
    let url = PublicUrl::parse(public_url)?;
    let postern = bootstrap.open(url.to_string()).await?;
    let token = postern.accounts().setup_token().await?;
    postern.close().await;
    let Some(token) = token else {
        return Err(
            "an account exists already; `postern account create` creates more, and \
                    `postern account passwd` sets a password"
                .into(),
        );
    };
    writeln!(io::stdout(), "{url}{}", setup_path(&token))?;
    warn_of_loopback(&url);
    Ok(ExitCode::SUCCESS)
}
