// SPDX-License-Identifier: Apache-2.0
#include "replay/diff/diff_json.h"

#include "replay/diff/diff_text.h"
#include "schema/base/json_format.h"
#include "schema/base/json_writer.h"
#include "schema/base/text.h"

namespace ktape {

namespace {

void put_tape(JsonWriter& json, const DiffTape& of) {
  json.object()
      .field("tape", printable(of.path))
      .field("integrity", of.integrity)
      .field("head", of.head)
      .field("scenario", of.run.scenario)
      .field("kernel", of.run.kernel)
      .field("machine", of.run.machine);
  if (!of.run.clock.empty()) json.field("clock", of.run.clock);
  json.field("outcome", of.run.outcome).field("lossesKnown", of.run.losses_known);
  json.key("losses").object();
  for (const auto& [name, count] : of.run.losses) json.field(name, JsonDigits{count});
  json.end().end();
}

void put_side(JsonWriter& json, const DiffSide& of) {
  if (of.tapes.size() == 1) return put_tape(json, of.tapes.front());
  json.object().field("folder", printable(of.path)).key("repeats").list();
  for (const DiffTape& tape : of.tapes) put_tape(json, tape);
  json.end().end();
}

// What each repeat has; null where it has nothing.
void put_column(JsonWriter& json, const RepeatColumn& column) {
  json.list();
  for (const Seen& seen : column) {
    if (seen.there) {
      json.value(seen.text);
    } else {
      json.null();
    }
  }
  json.end();
}

const char* json_class(HiddenClass of) {
  switch (of) {
    case HiddenClass::kNone: break;
    case HiddenClass::kAddress: return "addresses";
    case HiddenClass::kProcessId: return "processIds";
    case HiddenClass::kOfTheRun: return "ofTheRun";
    case HiddenClass::kOwnRead: return "ownReads";
    case HiddenClass::kOwnLayout: return "ownLayouts";
    case HiddenClass::kUnusedLayout: return "unusedLayouts";
    case HiddenClass::kSameGate: return "sameGates";
    case HiddenClass::kMomentaryGate: return "observedGates";
  }
  return "";
}

// {"addresses":12,"processIds":1}
void put_hidden(JsonWriter& json, const Diff& diff) {
  json.object();
  for (const auto& [of, count] : hidden_counts(diff)) json.field(json_class(of), JsonNumber{count});
  json.end();
}

const char* json_weight(Weight weight) {
  switch (weight) {
    case Weight::kMatters: return "changed";
    case Weight::kMayVary: return "mayVary";
    case Weight::kHidden: return "hidden";
  }
  return "";
}

// "valueChanged"
std::string json_kind(DiffKind kind) {
  switch (kind) {
    case DiffKind::kOutcome: return "outcomeChanged";
    case DiffKind::kVerdict: return "verdictChanged";
    case DiffKind::kValue: return "valueChanged";
    case DiffKind::kReply: return "replyChanged";
    case DiffKind::kGate: return "gateChanged";
    case DiffKind::kLayout: return "layoutChanged";
    case DiffKind::kMissing: return "missingInOne";
    case DiffKind::kLoss: return "lossChanged";
    case DiffKind::kThisRun: return "thisRun";
  }
  return "";
}

void put_difference(JsonWriter& json, const Difference& one, bool repeated) {
  json.line()
      .object()
      .field("kind", json_kind(one.kind))
      .field("verdict", json_weight(one.weight))
      .field("subject", one.subject)
      .field("a", one.a)
      .field("b", one.b);
  if (one.seq_a.value > 0) json.field("seqA", JsonDigits{one.seq_a.value});
  if (one.seq_b.value > 0) json.field("seqB", JsonDigits{one.seq_b.value});
  if (!one.why.empty()) json.field("why", one.why);
  if (repeated) {
    put_column(json.key("repeatsA"), one.repeats_a);
    put_column(json.key("repeatsB"), one.repeats_b);
  }
  json.end();
}

}  // namespace

std::string diff_as_json(const DiffSide& a, const DiffSide& b, const Diff& diff, bool all) {
  JsonWriter json;
  json.object().field("format", JsonFormat::kDiff).key("a");
  put_side(json, a);
  json.key("b");
  put_side(json, b);
  json.field("sameScenario", diff.same_scenario)
      .field("matter", JsonNumber{diff.mattering()})
      .field("mayVary", JsonNumber{diff.count(Weight::kMayVary)})
      .field("hidden", JsonNumber{diff.count(Weight::kHidden)})
      .key("hiddenClasses");
  put_hidden(json, diff);
  json.key("differences").list();
  for (const Difference& one : diff.differences) {
    if (is_shown(one, all)) put_difference(json, one, diff.repeated);
  }
  return json.end().end().newline().take();
}

}  // namespace ktape
