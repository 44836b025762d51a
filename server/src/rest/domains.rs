//! `/api/domains`: From domains with their checks over DNS, and the keys of DKIM.

use axum::extract::State;
use domain::Timestamp;
use domain::mail::dkim::{DkimAlgorithm, DkimKeyState, DkimKeyView};
use domain::mail::domain_check::{CheckState, DomainCheck, DomainFinding, FromDomain};
use engine::{Action, DkimActivation};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::extract::{AdminBody, Administrative, PathParams, SignedIn};
use super::request::json::lenient;
use super::response::envelope::{Nothing, Refused, Success};
use super::response::errors::{Always, JsonRefused, KeyConflict, Missing, Restricted};
use crate::http::state::AppState;

/// The check of a domain.
#[derive(Serialize, ToSchema)]
pub struct ApiDomainCheck {
    /// The domain in ASCII.
    #[schema(example = "example.org")]
    domain: String,
    /// The worst state of the findings.
    state: CheckState,
    /// When DNS was queried.
    #[schema(format = DateTime)]
    checked: String,
    /// The findings about SPF, DKIM, DMARC and MX, at least one of each.
    findings: Vec<DomainFinding>,
}

impl From<DomainCheck> for ApiDomainCheck {
    fn from(check: DomainCheck) -> Self {
        Self {
            state: check.state(),
            domain: check.domain,
            checked: check.checked_at.rfc3339(),
            findings: check.findings,
        }
    }
}

/// A From domain in use.
#[derive(Serialize, ToSchema)]
pub struct ApiFromDomain {
    /// The domain in ASCII.
    #[schema(example = "example.org")]
    domain: String,
    /// The uses of the domain, such as `the From address of Main relay`.
    #[schema(example = json!(["the From address of Main relay"]))]
    used_by: Vec<String>,
    check: ApiDomainCheck,
}

impl From<FromDomain> for ApiFromDomain {
    fn from(listed: FromDomain) -> Self {
        Self {
            domain: listed.domain,
            used_by: listed.used_by,
            check: listed.check.into(),
        }
    }
}

/// A DKIM key, without its private part.
#[derive(Serialize, ToSchema)]
pub struct ApiDkimKey {
    #[schema(example = "01M3XT1500M4N6P8Q0R2S4T6V8")]
    id: String,
    #[schema(example = "example.org")]
    domain: String,
    #[schema(example = "postern-20261002-9mx7k2")]
    selector: String,
    algorithm: DkimAlgorithm,
    state: DkimKeyState,
    /// Whether the private key can be opened. If not, it signs no mail.
    #[schema(example = true)]
    usable: bool,
    /// The name of the TXT record of the key.
    #[schema(example = "postern-20261002-9mx7k2._domainkey.example.org")]
    record_name: String,
    /// The text of the TXT record of the key.
    #[schema(example = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A…")]
    record: String,
    #[schema(format = DateTime, example = "2026-10-02T08:00:00Z")]
    created: String,
    #[schema(example = "admin@example.org")]
    created_by: String,
    /// When the key was activated; it signs, or signed, mail since then. Null before.
    #[schema(format = DateTime, example = "2026-10-02T08:30:00Z")]
    activated: Option<String>,
    /// When the key is deleted after another one replaced it; null otherwise.
    #[schema(format = DateTime)]
    removal: Option<String>,
}

impl From<DkimKeyView> for ApiDkimKey {
    fn from(key: DkimKeyView) -> Self {
        Self {
            record_name: key.record_name(),
            record: key.record(),
            id: key.id,
            domain: key.domain,
            selector: key.selector,
            algorithm: key.algorithm,
            state: key.state,
            usable: key.is_usable,
            created: key.created_at.rfc3339(),
            created_by: key.created_by,
            activated: key.activated_at.map(Timestamp::rfc3339),
            removal: key.removal_at.map(Timestamp::rfc3339),
        }
    }
}

/// A domain with its check and its keys.
#[derive(Serialize, ToSchema)]
pub struct ApiDomainDetails {
    check: ApiDomainCheck,
    /// The keys, in the order in which they were made.
    keys: Vec<ApiDkimKey>,
}

/// A key to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "algorithm": "rsa" }))]
pub struct NewDkimKeyRequest {
    /// The algorithm: `rsa`, with 2048 bits, or `ed25519`.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    algorithm: Option<String>,
}

impl Administrative for NewDkimKeyRequest {
    const ACTION: Action = Action::CreateDkimKey;
}

/// How a key is activated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "anyway": false }))]
pub struct DkimActivationRequest {
    /// Whether to activate the key even if its record is not in DNS.
    #[serde(default, deserialize_with = "lenient")]
    anyway: Option<bool>,
}

impl Administrative for DkimActivationRequest {
    const ACTION: Action = Action::ActivateDkimKey;
}

/// List the From domains
///
/// Lists the domains of the From addresses and rules of relays, of the addresses and other sender
/// addresses of accounts, and of DKIM keys, each checked over DNS. Programs that may send from any
/// address may use other domains. At most 200 domains are listed; those that only addresses of accounts
/// use are left out first. The request takes at most about 10 s.
#[utoipa::path(
    get,
    path = "/api/domains",
    tag = "Domains",
    responses(
        (status = 200, description = "The domains, in alphabetical order, at most 200", body = Success<Vec<ApiFromDomain>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiFromDomain>>, Refused> {
    let domains = state.postern.domains().list(&actor).await?;
    let listed = domains.listed.into_iter();
    Ok(Success::new(listed.map(Into::into).collect()))
}

/// Check a domain
///
/// Checks SPF, DKIM, DMARC and MX over DNS, each with the record as it is, as it should be, and the
/// reason. The domain need not be in use. The request takes at most about 10 s.
#[utoipa::path(
    get,
    path = "/api/domains/{domain}",
    tag = "Domains",
    params(("domain" = String, Path, description = "The domain, such as `example.org`")),
    responses(
        (status = 200, description = "The check, and the DKIM keys of the domain", body = Success<ApiDomainDetails>),
        Restricted,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(domain): PathParams<String>,
) -> Result<Success<ApiDomainDetails>, Refused> {
    let domains = state.postern.domains();
    let check = domains.check(&actor, &domain).await?;
    let keys = domains.keys(&actor, &domain).await?;
    Ok(Success::new(ApiDomainDetails {
        check: check.into(),
        keys: keys.into_iter().map(Into::into).collect(),
    }))
}

/// Make a DKIM key
///
/// The key signs no mail until it is activated. The response has the record to publish in DNS. A domain
/// has at most 10 keys.
#[utoipa::path(
    post,
    path = "/api/domains/{domain}/keys",
    tag = "Domains",
    params(("domain" = String, Path, description = "The domain, such as `example.org`")),
    request_body = NewDkimKeyRequest,
    responses(
        (status = 200, description = "Made", body = Success<ApiDkimKey>),
        Restricted,
        KeyConflict,
        JsonRefused,
        Always,
    )
)]
pub async fn create_key(
    State(state): State<AppState>,
    PathParams(domain): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<NewDkimKeyRequest>,
) -> Result<Success<ApiDkimKey>, Refused> {
    let algorithm = request.algorithm.as_deref();
    let algorithm = algorithm.and_then(|text| text.parse::<DkimAlgorithm>().ok());
    match (&request.algorithm, algorithm) {
        (None, _) => faults.add_missing("algorithm"),
        (Some(_), None) => faults.add("algorithm", "Say rsa or ed25519."),
        (Some(_), Some(_)) => {}
    }
    faults.into_result()?;
    let algorithm = algorithm.unwrap_or(DkimAlgorithm::Rsa);
    let domains = state.postern.domains();
    let made = domains.create_key(&actor, &domain, algorithm).await?;
    Ok(Success::new(made.into()))
}

/// Activate a DKIM key
///
/// The key signs the mail of its domain from now on, if its record is in DNS. The previous key of the
/// same algorithm is deleted after 7 days. Keep its record in DNS until then.
#[utoipa::path(
    post,
    path = "/api/domains/{domain}/keys/{id}/activate",
    tag = "Domains",
    params(
        ("domain" = String, Path, description = "The domain, such as `example.org`"),
        ("id" = String, Path, description = "The id of the key"),
    ),
    request_body = DkimActivationRequest,
    responses(
        (status = 200, description = "Active", body = Success<ApiDkimKey>),
        Restricted,
        Missing,
        KeyConflict,
        JsonRefused,
        Always,
    )
)]
pub async fn activate_key(
    State(state): State<AppState>,
    PathParams((domain, id)): PathParams<(String, String)>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<DkimActivationRequest>,
) -> Result<Success<ApiDkimKey>, Refused> {
    faults.into_result()?;
    let activation = match request.anyway {
        Some(true) => DkimActivation::Anyway,
        _ => DkimActivation::WhenPublished,
    };
    let domains = state.postern.domains();
    let active = domains
        .activate_key(&actor, &domain, &id, activation)
        .await?;
    Ok(Success::new(active.into()))
}

/// Remove a DKIM key
///
/// Mail of the domain is no longer signed with the key. Keep its record in DNS for some days, because
/// mail in transit has its signatures.
#[utoipa::path(
    delete,
    path = "/api/domains/{domain}/keys/{id}",
    tag = "Domains",
    params(
        ("domain" = String, Path, description = "The domain, such as `example.org`"),
        ("id" = String, Path, description = "The id of the key"),
    ),
    responses(
        (status = 200, description = "Removed", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn remove_key(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams((domain, id)): PathParams<(String, String)>,
) -> Result<Success<Nothing>, Refused> {
    let domains = state.postern.domains();
    domains.remove_key(&actor, &domain, &id).await?;
    Ok(Success::new(Nothing {}))
}
