// pin-admin/history_view.h
//
// Changes for people: "+ line bank.example secure", "- pin of bank.example: …".
#pragma once

#include <string>
#include <vector>

#include "core/store/author_store.h"
#include "pin-admin/json.h"
#include "pin-admin/output.h"

namespace postern {

// What one commit changed; "changes" in the document.
void ShowChanges(Output& out, const std::vector<HistoryEntry>& entries);

// The history, commit by commit; "history" in the document.
void ShowHistory(Output& out, const std::vector<HistoryEntry>& entries);

// One side of an entry as people read it. The store keeps pins and anchors as
// JSON, with whole digests and certificates; here they are a few words.
std::string Readable(const HistoryEntry& entry, const std::string& text);

}  // namespace postern
