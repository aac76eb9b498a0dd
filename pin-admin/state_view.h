// pin-admin/state_view.h
//
// What the service has recorded, for people and as JSON. Reads the state store
// as its owner: call it once nothing needs root any more.
#pragma once

#include <vector>

#include "core/store/delivery_journal.h"
#include "core/store/state_store.h"
#include "pin-admin/command.h"

namespace postern {

// A file of the service's that whoever runs this may not read is none that is
// damaged: the error says how to be allowed to. To be asked before privileges
// are dropped; all else is found out by reading.
Status MayRead(const std::string& path);

// Drops privileges, then reads. A store that is not there yet has no records.
Result<std::vector<StoredVerdict>> ReadVerdicts(Context& context,
                                                const VerdictQuery& query);
Result<std::vector<Observation>> ReadObservations(
    Context& context, const ObservationQuery& query);

// The delivery journal's entries of a queue id; likewise.
Result<std::vector<JournalEntry>> ReadJournalOf(Context& context,
                                                const std::string& queue_id);

// As text, and "deliveries" in the document: what was sent, and whether a
// message may have been delivered twice.
void ShowJournal(Output& out, const std::vector<JournalEntry>& entries);

// As text, and "verdicts" in the document.
void ShowVerdicts(Output& out, const std::vector<StoredVerdict>& verdicts);

// How those of them left that were delivered, and "delivered" in the document:
// to a proven server, only encrypted, in cleartext.
void ShowDelivered(Output& out, const std::vector<StoredVerdict>& verdicts);

// A "no" of the policy or of a server; otherwise something wasn't found out.
bool IsPolicyNo(Reason reason);

}  // namespace postern
