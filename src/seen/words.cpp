#include "seen/words.h"

namespace bulkhead::seen {
namespace {

std::string_view english(Word word) {
  using enum Word;
  switch (word) {
    case kTitle: return "Seen from {host}, {time}; addresses: {targets}";
    case kPartial: return "Not finished: what was not asked is unknown.";
    case kLeftOut: return "left out: {what}: {reason}";
    case kUnchecked:
      return "The self-check did not pass ({reason}): silence is unknown, not filtered.";
    case kNotRaw: return "by connect(), not raw packets: {reason}";
    case kCounts: return "open {open}, closed {closed}, filtered {filtered}, unknown {unknown}";
    case kNothingAnswers: return "nothing open: {first} ... {last} ({count})";
    case kUnknownBecause: return "unknown {ports}: {reason}";
    case kPaused: return "paused for {seconds} s: the load was above --max-load";
    case kTotal: return "; {sent} probes ({rate}/s), {lost} lost, {seconds} s";
    case kOpen: return "open";
    case kClosed: return "closed";
    case kFiltered: return "filtered";
    case kUnknown: return "unknown";
    case kNotAsked: return "not asked";
    case kAccessOpen: return "no login";
    case kAccessProtected: return "login";
    case kAccessUnowned: return "unowned: the first visitor becomes its administrator";
    case kAccessUnknown: return "login unknown";
    case kNoDifference: return "No difference in {compared} ports.";
    case kDifference:
      return "{new} new, {changed} changed, {gone} gone, {lost} not known any more; "
             "{compared} ports compared";
    case kNotAskedAgain: return "{count} ports were not asked again.";
    case kIncomplete: return "One of the two scans is not complete: more may differ.";
    case kNew: return "NEW      {where}  {now}; was {before}";
    case kService: return "CHANGED  {where}  {now}; was {before}";
    case kLogin: return "LOGIN    {where}  {now}; was {before}";
    case kGone: return "gone     {where}  {now}; was {before}";
    case kLost: return "lost     {where}  {now}; was {before}";
    case kState: return "state    {where}  {now}; was {before}";
    case kFrom: return " from {from}";
  }
  return {};
}

std::string_view japanese(Word word) {
  using enum Word;
  switch (word) {
    case kTitle: return "{host}から見た結果、{time}: アドレス{targets}";
    case kPartial: return "途中で終わりました。調べていないものは不明です。";
    case kLeftOut: return "対象外: {what}: {reason}";
    case kUnchecked: return "自己検査に失敗しました ({reason})。無応答は遮断ではなく不明です。";
    case kNotRaw: return "生パケットではなくconnect()による: {reason}";
    case kCounts: return "開{open}、閉{closed}、遮断{filtered}、不明{unknown}";
    case kNothingAnswers: return "開いたポートなし: {first} ... {last} ({count})";
    case kUnknownBecause: return "不明 {ports}: {reason}";
    case kPaused: return "{seconds}秒間休止: 負荷が--max-loadを超えました";
    case kTotal: return "。送信{sent} (毎秒{rate})、損失{lost}、{seconds}秒";
    case kOpen: return "開";
    case kClosed: return "閉";
    case kFiltered: return "遮断";
    case kUnknown: return "不明";
    case kNotAsked: return "調べていない";
    case kAccessOpen: return "ログイン不要";
    case kAccessProtected: return "ログインが必要";
    case kAccessUnowned: return "所有者なし: 最初の訪問者が管理者になります";
    case kAccessUnknown: return "ログインは不明";
    case kNoDifference: return "{compared}ポートに違いはありません。";
    case kDifference:
      return "新規{new}、変化{changed}、消滅{gone}、不明になったもの{lost}。比較{compared}ポート";
    case kNotAskedAgain: return "{count}ポートは今回調べていません。";
    case kIncomplete: return "どちらかの結果が完全ではありません。ほかにも違いがありえます。";
    case kNew: return "新規  {where}  {now} (以前: {before})";
    case kService: return "変化  {where}  {now} (以前: {before})";
    case kLogin: return "認証  {where}  {now} (以前: {before})";
    case kGone: return "消滅  {where}  {now} (以前: {before})";
    case kLost: return "不明  {where}  {now} (以前: {before})";
    case kState: return "状態  {where}  {now} (以前: {before})";
    case kFrom: return " 起点 {from}";
  }
  return {};
}

}  // namespace

std::string say(Word word, Language language, const Values& values) {
  std::string_view form = language == Language::kJapanese ? japanese(word) : english(word);
  std::string out;
  while (!form.empty()) {
    const std::size_t open = form.find('{');
    out += form.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = form.find('}', open);
    const std::string_view name = form.substr(open + 1, close - open - 1);
    for (const auto& [key, value] : values) {
      if (key == name) out += value;
    }
    form.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace bulkhead::seen
