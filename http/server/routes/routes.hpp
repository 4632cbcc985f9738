#pragma once

#include "http/server/call.hpp"
#include "http/server/context.hpp"
#include "http/server/edge/server.hpp"

#include <functional>
#include <memory>

namespace hub::http {

// Each adds the routes of its area; `hub` must outlive the server.

void mount_tickets(edge::server& server, context& hub);
/// What models suggest for tickets, and what people say to that.
void mount_triage(edge::server& server, context& hub);
/// Messages as they were before scrubbing.
void mount_reveal(edge::server& server, context& hub);
/// What reporters are told: drafts, approvals.
void mount_changelog(edge::server& server, context& hub);
/// What became of each message to a reporter, and what waits for a person before it is sent.
void mount_notifications(edge::server& server, context& hub);
/// The right to one more open stream, as long as a copy is held.
using stream_places = std::function<domain::result<std::shared_ptr<const void>>(const call& from)>;
/// Files that came with reports.
void mount_attachments(edge::server& server, context& hub, stream_places places);
/// What happens to tickets, as it happens.
void mount_live(edge::server& server, context& hub, stream_places places);
void mount_deliveries(edge::server& server, context& hub);
/// Jobs, dead letters, providers' limits.
void mount_jobs(edge::server& server, context& hub);
/// /up, /health, /metrics, /api/actors, /api/ledger, /openapi.json and the front page.
void mount_operations(edge::server& server, context& hub);

} // namespace hub::http
