// The Japanese words, in the polite style; names and numbers stay as they are.
#include "report/messages.h"

namespace bulkhead::report::japanese {

std::string_view words(audit::Phrase phrase) {
  using enum audit::Phrase;
  switch (phrase) {
    case kT1What: return "{owner}の{service}が{who}に開いています ({dial})";
    case kT2What: return "{owner}の{service}が{who}に開いています ({dial})";
    case kT3What: return "{who}から{owner}の{service}に届きます ({dial})";
    case kT4What: return "{owner}の{service}が{who}に開いています ({dial})。不要と推定";
    case kT5What: return "{owner}の{service}が{who}に開いています ({dial})";
    case kT6What: return "{count}つのテナントがネットワーク{network}を共有しています: {tenants}";
    case kManagementNetworkWhat: return "{who}から管理用ネットワーク{zone}に届きます";
    case kBeyondWhat: return "{who}から、このホストの外にある{target}に送れます ({dial})";
    case kFirewallWhat: return "{dial}はファイアウォール上は閉じているのに、{who}に開いています";
    case kV4OnlyWhat:
      return "{owner}のポート{port}はIPv4では閉じていますが、IPv6では{who}に開いています";
    case kIpv6What: return "{owner}の{service}はIPv6でのみ{who}に開いています ({dial})";
    case kLoopbackWhat: return "{owner}は{port}を127.0.0.1に公開していますが、{who}から届きます";
    case kSocketWhat: return "{owner}にエンジンのソケット{source}が渡されています";
    case kHostModeWhat: return "{owner}は必要が見当たらないのにホストのネットワークで動いています";
    case kMetadataWhat:
      return "{of}個中{count}個のコンテナからクラウドのメタデータサービスに届きます";
    case kDefaultBridgeWhat:
      return "{count}個のコンテナが既定のブリッジ{network}につながっています";
    case kEgressWhat: return "{of}個中{count}個のコンテナからインターネット全体に届きます";
    case kWhyPublished: return "{bind}に公開され、{place}が通しています";
    case kWhyPublishedProxy: return "{bind}に公開され、エンジンのプロキシが接続を受けています";
    case kWhyRouted: return "公開されていませんが、ホストが{dial}あてのパケットを転送します";
    case kWhySocketListens:
      return "プロセスの見えないソケットが{bind}で待ち受けており、どの規則も止めません";
    case kWhyHostListens: return "{process}が{bind}で待ち受けており、ホストのどの規則も止めません";
    case kWhyHostMode: return "ホストのネットワークで動いており、{dial}を止める規則がありません";
    case kWhySameSegment: return "{dial}までの間に遮るものがありません";
    case kWhySegment: return "同一のリンク層セグメントです。今は{ways}";
    case kWhyManagementNetwork: return "ホストが{interface}へ転送し、それを止める規則がありません";
    case kWhyBeyond: return "ホストが{interface}から転送し、それを止める規則がありません";
    case kWhyFirewall: return "{closing}なら拒否しますが、{opening}が先に通しています";
    case kWhyV4Only: return "{closing}はIPv4だけを閉じ、[{address}]には同じ規則がありません";
    case kWhyIpv6: return "{closing}はIPv4を閉じますが、{address}には同じ規則がありません";
    case kWhyLoopback: return "コンテナ自身のアドレス{address}へ経路があり、遮断されていません";
    case kWhySocket: return "このコンテナを握る者はエンジンを、つまりホストを握ります";
    case kWhyHostModeSees: return "ホスト専用の{count}個のサービスに届きます: {sees}";
    case kWhyHostModePlain: return "エンジンの規則がホストとの間に入りません";
    case kWhyMetadata:
      return "{address}あてのパケットがホストから出て行きます。資格情報が渡ることがあります";
    case kWhyDefaultBridge: return "そこにつながるものは互いに、アドレスだけで通信できます";
    case kWhyForged: return "{forged}を使う場合だけ通ります。通常の接続は{place}が閉じています";
    case kWhyForgedNoRule:
      return "{forged}を使う場合だけ通ります。通常の接続は通りません ({reason})";
    case kWhyEgress: return "盗まれたデータと侵入者の出口になります";
    case kImpactHost: return "握られるとホストを乗っ取られます";
    case kImpactCluster: return "握られるとクラスタを乗っ取られます";
    case kImpactCode: return "握られると任意のプログラムを実行されます";
    case kImpactSecrets: return "秘密情報を持っています";
    case kImpactData: return "データを持っています";
    case kImpactConsole: return "コンソールへの入口です";
    case kImpactControl: return "ほかのものを制御します";
    case kImpactInfo: return "内部の情報を明かします";
    case kImpactApplication: return "アプリケーションです";
    case kFromInternet: return "インターネットから届きます";
    case kFromLan: return "隣接するネットワークから届きます";
    case kTargetDeclared: return "bulkhead.yamlが対象として挙げています";
    case kFromContainers: return "コンテナから届きます";
    case kByPortOnly: return "ポート番号だけからの判断のため一段下げました";
    case kAssumed: return "推定: 必要とする方針も通信の記録もありません";
    case kTenantsDeclared: return "テナントは宣言されたもの、またはComposeプロジェクトです";
    case kTenantsGuessed: return "各コンテナを別のテナントとみなしたため一段下げました";
    case kOpenBetweenTenants: return "テナント間の接続が通ります";
    case kClosedToday: return "今はテナント間の通常の接続を規則が止めています";
    case kCloudRoute: return "ホストにこのアドレスへの専用の経路か通信の跡があります";
    case kMaybeNoCloud: return "このアドレスにクラウドが応答する場合だけの問題です";
    case kMutualTls: return "クライアント証明書を求めるため一段下げました";
    case kNeedsLogin: return "ログインを求めます";
    case kAdviceOnly: return "助言であり、それだけでは脅威ではありません";
    case kOnlyForged: return "パケットを偽造できるrootだけが通れるため一段下げました";
    case kNothingPasses: return "今はテナント間で何も通らないため一段下げました";
    case kFalseBelief: return "閉じていると思われています";
    case kNoteReadOnlySocket:
      return "読み取り専用のマウントはファイルを守るだけで、通信の内容は制限しません";
    case kNoteLoopbackPublished:
      return "127.0.0.1への公開では、隣接ホストがコンテナ自身のアドレスに届くことを防げません";
    case kNoteUpToUplink:
      return "上流側のアドレスはプライベートです。計算は上流インターフェースまでで、確認には外部か"
             "らの走査が必要です";
    case kNoteGuessedZones: return "ゾーンは経路からの推測です。bulkhead.yamlで指定できます";
    case kNoteContradicted: return "{vantage}からの実際の接続の結果は{observed}でした";
    case kNoteNotComputed: return "適用後の結果は計算していません";
    case kNoteBeyond:
      return "このホストの端までを計算しました。そこで何が応答するかはbulkhead scanが調べます";
    case kNoteRepresentative: return "{address}のポート{port}について計算しました";
    case kStopRule: return "規則{place}: {rule}";
    case kStopReason: return "遭遇したもの: {reason}";
    case kStopNoRight: return "{name}はNET_RAWもNET_ADMINも持たず偽造できません";
    case kStopPortState: return "{name}が停止しているか転送していません";
    case kStopIsolated: return "ブリッジのポート隔離 ({name})";
    case kStopRules: return "{name}がすべてのフレームを破棄します";
    case kStopMayRules: return "{name}の規則がフレームを見ますが、その結果は計算していません";
    case kStopMayOptions: return "{name}のVLANフィルタかポート設定は計算していません";
    case kStopMayParent: return "{name}の先のスイッチが決めます";
    case kStopNoPort: return "{name}のポートが不明です";
    case kCureLoopback: return "このホストだけに公開する: {short} ({file})";
    case kCureUnpublish: return "公開をやめる: {short}を外す ({file})";
    case kCureDropPublished: return "エンジンに渡る前にnftで破棄する: {short}";
    case kCureDropRouted: return "コンテナのアドレスあてのパケットをnftで破棄する: {short}";
    case kCureDropInput: return "ホストの入口でnftで破棄する: {short}";
    case kCureDaemonHosts: return "{file}でunixソケットだけを指定する";
    case kCureSplit: return "{short}の代わりにテナントごとのネットワークを作る";
    case kCureShared: return "または共有の理由を書く: {short} ({file})";
    case kCureInternal: return "外に出る必要のないものを{short}のネットワークに置く ({file})";
    case kCureDropEgress: return "出て行くものをnftで破棄する: {short}";
    case kCureDropMetadata: return "nftで破棄する: {short}";
    case kCureDropBeyond: return "nftで破棄する: {short}";
    case kCureDropManagement: return "nftで破棄する: {short}";
    case kCureUnmount: return "{short}の代わりに権限を絞ったソケットプロキシを使う ({file})";
    case kCureNoHostModeQuiet: return "何も待ち受けていないため{short}を外す ({file})";
    case kCureNoHostMode: return "必要なものだけを公開する: {short} ({file})";
    case kCureOwnNetwork: return "専用のネットワークに移す: {short}";
    case kCureDropRaw: return "パケットを偽造する権限を外す: {short} ({file})";
    case kCureReversePath: return "インターフェースの先にない送信元を拒む: {short}";
  }
  return {};
}

std::string_view words(Label label) {
  using enum Label;
  switch (label) {
    case kAuditTitle: return "{host}のBulkhead監査、{time}";
    case kAuditScope: return "{engines}: コンテナ{containers}、サービス{services}、視点{vantages}";
    case kNoEngine: return "コンテナエンジンなし";
    case kNoFindings: return "指摘はありません。届くべきでないものには届きません。";
    case kNoFindingsButUnknown:
      return "指摘はありませんが、答えられなかったものがあります。下を見てください。";
    case kCounts:
      return "指摘{findings}件: "
             "緊急{critical}、高{high}、中{medium}、低{low}。確認済み{confirmed}、不明{unknown}";
    case kUnknownLine: return "不明: 視点とサービスの組{asked}のうち{count}";
    case kUnknownReason: return "{count}: {reason} (例: {example})";
    case kGaps: return "読めなかったもの: {what}: {reason}";
    case kReachableTitle: return "外から届くもの:";
    case kReachableNone: return "外から届くもの: なし";
    case kMoreHint: return "根拠、経路、貼り付ける行: --details。プログラム向け: --json";
    case kSuppressedCount: return "bulkhead.yamlにより{count}件を抑止";
    case kSuppressionExpired: return "{id}の抑止は{expires}に期限が切れ、指摘が再び有効です";
    case kSuppressionUnused: return "{id}の抑止に当たる指摘はありません";
    case kContradictionTitle:
      return "矛盾: 実際の接続が計算と異なりました。接続の結果を信じ、報告してください。";
    case kContradictionLine:
      return "{vantage} -> {to} {port}: 計算では{computed}、実際は{observed}";
    case kContradictionOutside:
      return "外から見た結果は、このホストの手前にあるものが決めた可能性もあります。";
    case kZonesGuessed: return "ゾーンは推測です: {zones}";
    case kUplinkPrivate:
      return "上流側はプライベートアドレスです。インターネットはそこまでの計算です。";
    case kIncomplete: return "読めなかったものがあり、全体像ではありません。";
    case kWhy: return "理由";
    case kFix: return "対処";
    case kSeverityCritical: return "緊急";
    case kSeverityHigh: return "高";
    case kSeverityMedium: return "中";
    case kSeverityLow: return "低";
    case kSeverityInfo: return "情報";
    case kStateComputed: return "計算のみ";
    case kStateConfirmed: return "実際の接続で確認済み";
    case kStateContradicted: return "実際の接続と矛盾";
    case kAdvice: return "助言";
    case kReachedFrom: return "届く元";
    case kForgedTag: return "偽造パケットのみ";
    case kForgedOnly: return "{forged}を使う場合だけ";
    case kForgedSource: return "偽の送信元アドレス ({address})";
    case kForgedOtherSource: return "自身の別のアドレス ({address})";
    case kForgedPort: return "送信元ポート{port}";
    case kForgedMac: return "偽の送信元MAC ({mac})";
    case kForgedVlanTag: return "番号0のVLANタグ";
    case kForgedFrame: return "自身の経路と規則を通らないフレーム";
    case kForgedPacket: return "攻撃者が作ったパケット";
    case kWayPasses: return "{ways}が通ります";
    case kWayStopped: return "{ways}は止まります";
    case kWayUnknown: return "{ways}は不明です";
    case kWayConnections: return "接続";
    case kWayForged: return "偽造パケット";
    case kWayArp: return "偽のARP応答";
    case kWayFrames: return "IP以外のフレーム";
    case kCrossing: return "{way}: {count}組中{open}組で通り、不明{unknown}";
    case kCrossingStop: return "止めるもの";
    case kAttackerLine:
      return "攻撃者として: "
             "通常の接続では閉じている{asked}組を計算し、偽造パケットで開くもの{open}、"
             "不明{unknown}";
    case kBecause: return "重大度の理由";
    case kRules: return "規則";
    case kClosing: return "閉じる側";
    case kOpening: return "開ける側";
    case kPath: return "経路";
    case kPaste: return "{where}に貼り付け";
    case kEffectGone: return "適用後: この指摘は消えます";
    case kEffectStays: return "適用後: この指摘は残ります。対処の一部にすぎません";
    case kEffectCloses: return "ほかに{count}件が閉じます: {pairs}";
    case kEffectOpens: return "ほかに{count}件が開きます";
    case kEffectUnknown: return "未計算";
    case kReferences: return "参照";
    case kMembers: return "対象";
    case kNote: return "注記";
    case kSome: return "一部のアドレスからのみ";
    case kSocket: return "ソケット";
    case kObserved: return "実際の接続: {how}";
    case kReplyLeg: return "応答";
    case kTheInternet: return "インターネット";
    case kTheLan: return "LAN";
    case kLanOf: return "{interface}側のLAN";
    case kZone: return "ゾーン{zone}";
    case kTheHost: return "ホスト";
    case kOneContainer: return "コンテナ{a}";
    case kTwoContainers: return "コンテナ{a}と{b}";
    case kManyContainers: return "{count}個のコンテナ";
    case kHostService: return "ホスト";
    case kSomeService: return "サービス";
    case kByPort: return "{service} (ポートから推定)";
    case kOnHostNetwork: return "{owner} (ホストネットワーク)";
    case kAnd: return "と";
    case kListSeparator: return "、";
    case kTraceTitle: return "{from} -> {to} {port}";
    case kVerdictOpen: return "開";
    case kVerdictClosed: return "閉";
    case kVerdictUnknown: return "不明";
    case kHowAccepted: return "受理";
    case kHowRefused: return "拒否";
    case kHowUnreachable: return "到達不能";
    case kHowDropped: return "無応答";
    case kHowUnknown: return "不明";
    case kReason: return "理由";
    case kRequestLeg: return "要求";
    case kDecidedBy: return "決めた規則";
    case kAnsweredBy: return "応答したもの";
    case kLeavesBy: return "出口";
    case kPolicyOf: return "{author}による";
    case kWitness: return "送信元 {source}";
    case kOpeningTitle: return "次の変更{count}件をすべて行えば開きます:";
    case kOpeningPart: return "遮っているもの (変更が分かる範囲):";
    case kOpeningLeft: return "変更が分からないもの: {reason}";
    case kChangeAccept: return "{where}: {place}の前に{match}のacceptを置く";
    case kChangeRemove: return "{where}: {place}を外す";
    case kChangePolicy: return "{where}: {place}のpolicyをacceptにする";
    case kChangeListen: return "{where}: {port}で待ち受ける";
    case kChangeForward: return "{where}: {setting}";
    case kChangeReversePath: return "{where}: {interface}の逆経路検査を外す (rp_filter=0)";
    case kChangeIsolation: return "{where}: ポート{interface}の隔離を外す";
    case kMapTitle: return "{host}のネットワーク";
    case kMapInternet: return "インターネットへ";
    case kMapLan: return "LANへ";
    case kMapDmz: return "DMZへ";
    case kMapManagement: return "管理用ネットワークへ";
    case kMapGuessed: return "推測";
    case kMapNetwork: return "ネットワーク{network}";
    case kMapInternal: return "内部専用";
    case kMapContainer: return "一つのコンテナへ";
    case kMapNamespace: return "{peer}へ";
    case kMapLoopback: return "ホスト自身へ";
    case kMapNowhere: return "何もつながっていません";
    case kMapUnknown: return "相手側は不明です";
    case kMapMadeBy: return "作成: {author}";
    case kMapDown: return "停止中";
    case kMapHostListeners: return "ホストの待ち受け";
    case kMapHostMode: return "ホストのネットワークで動作";
    case kMapNoNetwork: return "ホストのネットワークの外";
    case kMapStopped: return "停止中のコンテナ{count}個";
    case kMapUnjoined: return "ここにつながっていない他のネットワーク名前空間: {count}";
    case kMapNamespaces: return "ほかのネットワーク名前空間";
    case kMapListens: return "待ち受け {ports}";
    case kMapPublished: return "公開 {ports}";
    case kMapEmpty: return "コンテナなし";
    case kReachTitle: return "{from}から届くもの ({what}):";
    case kReachNothing: return "待ち受けているものには何も届きません";
    case kReachLeaves:
      return "{where}の{link}から出て行きます ({what})。その先で誰が答えるかは不明です";
    case kReachUnknown: return "不明: {reason} (例: {example})";
    case kReachContradiction:
      return "矛盾: {to}は計算では開いていますが、1個のパケットを追うと{verdict}でした: "
             "{reason}。報告してください。";
    case kReachMore: return "表示したもののほかにもあります。";
    case kReachSome: return "一部の送信元のみ";
    case kReachForged: return "偽装パケットのみ (送信元 {packet})";
    case kReachCounts:
      return "{places}か所への経路{count}件。パケットの追跡で確認{confirmed}、矛盾{contradicted}"
             "、不明{unknown}";
    case kWhyTitle: return "{from}から{to}のポート{port}への接続: {verdict}";
    case kWhyTitleForged: return "{from}から{to}のポート{port}への、偽装を含むパケット: {verdict}";
    case kWhyForgedOnly: return "偽装パケットのみ";
    case kWhyOne: return "そのうちの1個:";
    case kMatrixTitle: return "誰が何に届くか: 起点{seats}、サービス{services}";
    case kMatrixNothing: return "他者のサービスに届くものはありません";
    case kMatrixLegend: return "O 開  o 一部の送信元のみ開  . 閉  ? 不明  ! 矛盾";
    case kMatrixLegendForged:
      return "O 開  o 一部の送信元のみ開  F 偽装パケットのみ開  . 閉  ? 不明  ! 矛盾";
    case kViewForged:
      return "攻撃者として: 許されていれば (NET_RAW) そこのrootはパケットを偽装します。";
    case kMatrixUnreached: return "ほかの{count}件のサービスには、他の誰も届きません。";
    case kViewContradiction: return "矛盾: {pair}: {reason}。報告してください。";
    case kWhoTitle: return "{what}に届くもの (起点{seats}を調査):";
    case kWhoNoService: return "他から届くサービスはありません";
    case kWhoNobody: return "他からは届きません";
    case kWhoFrom: return "(送信元 {source})";
    case kWhoUnknown: return "{pair}からは不明: {reason}";
    case kUnusedTitle:
      return "外部から誰も届かない公開ポート: {published}件中{count}件 (調べたゾーン{zones})、"
             "不明{unknown}件";
    case kUnusedPacket: return "{packet}: {reason}";
    case kUnusedNobodyListens: return "コンテナ内で{inside}を待ち受けるものがありません";
    case kUnusedLoopback: return "ホストのループバックにのみ公開されています";
    case kUnusedFirewall: return "ファイアウォールが閉じています: {rule}";
    case kUnusedNoAddress: return "ホストにそのアドレスがありません";
    case kUnusedOther: return "閉: {reason}";
    case kUnusedUnknown: return "届くかどうかは不明です";
    case kThroughTitle:
      return "{from}から最大{depth}段。届いたサービスはすべて乗っ取れると仮定しています。";
    case kThroughMore:
      return "最後の段で届いたコンテナの先にも続きがありえます。段数を増やしてください。";
    case kThroughCounts: return "乗っ取られるコンテナ{taken}、不明{unknown}";
    case kPrizeHostManagement: return "ホストの管理API";
    case kPrizeManagement: return "管理API";
    case kPrizeHost: return "ホストのサービス (T3)";
    case kPrizeContainer: return "コンテナ";
    case kScanTitle: return "{seats}個の名前空間から{targets}個の対象をスキャン:";
    case kScanLeftOut: return "未スキャン: {seat}: {reason}";
    case kScanNote: return "注: {what}: {reason}";
    case kScanPartial: return "途中まで: 終わる前に止まりました。調べていないものは不明です。";
    case kScanDisagreement: return "不一致: {from} -> {to} {whose}";
    case kScanObserved: return "観測は{state}: {proof}";
    case kScanComputed: return "計算は{verdict}: {reason}";
    case kCompared:
      return "{zone}からの{host}によるスキャン ({instant}、このホストを読んだ時の{hours}時間前) "
             "と比較しました。";
    case kComparedAfter:
      return "{zone}からの{host}によるスキャン ({instant}、このホストを読んだ時の{hours}時間後) "
             "と比較しました。";
    case kScanPaused: return "{seconds}秒間休止: ホストの負荷が--max-loadを超えました。";
    case kScanBeyond:
      return "{severity} {threat} {target} (このホストの外): "
             "{dial}の{service}が{who}に開いています";
    case kScanBeyondPermitted: return "ホワイトリストが許可: {who}";
    case kScanBeyondSuppressed: return "抑制中: {reason}";
    case kScanMore: return "ほか{count}件";
    case kScanNothingOpen: return "開いているものはありません";
    case kScanUnchecked: return "自己検査に失敗、無応答は不明とします: {reason}";
    case kScanConfirmed: return "確認済み";
    case kScanResolved: return "計算では不明でした";
    case kScanDisagrees: return "計算では閉";
    case kScanCounts: return "開{open}、閉{closed}、遮断{filtered}、不明{unknown}";
    case kScanAgreement:
      return "モデルと実際のパケットの一致{confirmed}、不一致{disagreeing}、新たに判明{resolved}、"
             "不明のまま{unproven}。";
    case kScanRates:
      return "。送信{sent} (毎秒{rate})、こちらでの損失{lost}、起点{seats}、{seconds}秒";
    case kStateOpen: return "開";
    case kStateClosed: return "閉";
    case kStateFiltered: return "遮断";
    case kStateUnknown: return "不明";
    case kPageAgreement: return "計算との一致";
    case kProofAccepted: return "接続を受け入れました";
    case kProofReset: return "RSTが返りました";
    case kProofPortUnreachable: return "ICMPポート到達不能";
    case kProofSilence: return "すべての回で無応答";
    case kProofIcmp: return "ICMPエラー";
    case kProofSendRefused: return "送信元のカーネルが送りませんでした";
    case kProofLost: return "こちらのソケットの待ち行列で応答が失われました";
    case kProofNoSocket: return "ソケットまたはポートが足りません";
    case kProofNotFinished: return "最後まで調べていません";
    case kProofNoUdpAnswer: return "無応答: 開または遮断";
    case kProofUnchecked: return "無応答、かつ起点の自己検査に失敗";
    case kPolicyTitle: return "{file}: テナント{tenants}、許可{lines}行";
    case kPolicyNothing: return "許可する行はない";
    case kPolicyTenant: return "{tenant}: {mode}、コンテナ{count}";
    case kPolicyHost: return "ホストのサービス";
    case kPolicyUnheld: return "{container}には適用できない: {reason}";
    case kPolicyStrangers: return "どのテナントにも属さない実行中のコンテナ{count}: {names}";
    case kPolicyDrawing:
      return "左: 入ってよい相手。右: "
             "出てよい先。矢印は許可（色は相手または宛先）。破線の枠は強制されていません。";
    case kPolicyLegend: return "X 許可（いずれかのポート）  . 拒否";
    case kPolicyUntil: return "{day}まで";
    case kPolicyOver: return "{day}に期限切れ";
    case kLintCounts: return "{file}: 誤り{errors}、警告{warnings}";
    case kTrialsTitle: return "{file}と{host}の照合（計算による）";
    case kTrialsNone: return "neverもtestsもない。何も確かめていない";
    case kTrialHolds: return "成立";
    case kTrialBroken: return "不成立";
    case kTrialUnknown: return "不明";
    case kTrialVoid: return "対象なし";
    case kTrialGets: return "{from}から{service}へ{dial}で届く";
    case kTrialLeaves: return "{from}から{dial}へ、ホストの外に出る";
    case kTrialForged: return "偽装パケットによる";
    case kTrialMore: return "ほか{count}";
    case kTrialCounts: return "成立{holds}、不成立{broken}、不明{unknown}、対象なし{void}";
    case kPlanTitle: return "{host}への{file}の計画: 適用するコンテナ{containers}、要素{elements}";
    case kPlanNobody: return "enforceのテナントがない。適用するものはない";
    case kPlanCloses: return "いま開いている{count}経路を閉じる";
    case kPlanReopens: return "前のポリシーがいま閉じている{count}経路を開く";
    case kPlanOpens: return "閉じるはずなのに開いている{count}経路: Bulkheadの不具合";
    case kPlanBlocked: return "許可されるが、ほかの規則などで閉じている{count}経路";
    case kPlanSeen:
      return "観測された通信のうち、{stays}は開いたまま、{permitted}"
             "は許可されているが開いたままとは証明されず、{breaks}は切れる、{closed}"
             "はすでに閉じている、{unknown}は不明、"
             "{gone}は相手がいまいない、{unasked}は応答がないか持ち主が不明で調べていない";
    case kPlanBlockedBy: return "{pair}: {reason}";
    case kPlanUnknown: return "この規則のもとで不明な{count}経路";
    case kPlanNotHeld: return "この規則では適用できないもの";
    case kPlanFit: return "neverとtestsはこの規則のもとですべて成立する。何も変更していない";
    case kPlanUnfit: return "この計画は適用してはならない: {reason}";
    case kApplied: return "{file}を{host}に適用した: 適用中のコンテナ{containers}、要素{elements}";
    case kAppliedHost:
      return "ホストのサービスにも適用している。"
             "後から現れるインターフェースからは、internetに開いたものにだけ届く";
    case kAppliedAwaits:
      return "まだ確定していない: "
             "{time}までに、このホストへの新しいセッションを開き、そこで実行する";
    case kAppliedAwaitsConsole: return "まだ確定していない: {time}までに実行する";
    case kAppliedElse:
      return "実行しなければ、自動的に以前の状態に戻る。すぐに戻すには bulkhead rollback";
    case kAppliedKept: return "確定した。bulkhead rollback のほかには戻すものはない";
    case kConfirmed: return "確定: {file}を維持する";
    case kConfirmedBefore:
      return "{time}に適用した{file}はすでに確定している。確認を待つものはない";
    case kRolledBack: return "戻した: Bulkheadの規則は残っていない";
    case kRolledBackTo: return "戻した: {time}に適用した{file}の規則が再び有効である";
    case kRollbackNothing: return "何も適用していない。戻すものはない";
    case kRollbackBefore:
      return "すでに戻してある: {time}に適用した{file}の規則が有効である。bulkhead rollback "
             "--remove で取り除く";
    case kRollbackRemoved: return "Bulkheadの規則をすべて取り除いた";
    case kStatusNothing: return "{host}にはどのポリシーも適用していない";
    case kStatusForeign:
      return "ただし、applyによらないbulkheadという名のテーブルがある。bulkhead rollback --remove "
             "で取り除く";
    case kStatusApplied: return "{file}を{host}に{time}から適用している（{user}による）";
    case kStatusHeld: return "適用中のコンテナ{containers}、要素{elements}";
    case kStatusFileChanged: return "ファイルは適用したものと異なる";
    case kStatusInterrupted:
      return "適用が途中で終わった: bulkhead rollback のあと、もう一度適用する";
    case kStatusAwaits: return "未確認: bulkhead confirm を実行しなければ{time}に戻る";
    case kStatusNoGuardian:
      return "見張りのプロセスがなく、自動では戻らない: bulkhead rollback または bulkhead confirm";
    case kStatusUnread: return "カーネルの規則を読めなかった: {reason}";
    case kStatusExact: return "カーネルのテーブルは適用したものと完全に一致する";
    case kStatusDrift: return "カーネルのテーブルは適用したものと異なる:";
    case kStatusUncovered: return "この規則が及ばないもの。もう一度適用する:";
    case kStatusUncoveredUnknown: return "すべてのコンテナに及ぶかどうかは不明: {reason}";
    case kStatusAnew: return "{container}はその後に再起動した";
    case kStatusMoved:
      return "{container}はその後にアドレスが変わり、新しいアドレスでは保護されていない";
    case kStatusSince: return "{container}はその後に起動した";
    case kStatusInterfaces:
      return "インターフェースがこの規則を作ったときと異なる。もう一度適用する:";
    case kStatusRenamed:
      return "{was}は{name}に変わった: そこから保護対象には届かず、"
             "ホストのサービスを保護している場合、届くのはinternetに開いたものだけ";
    case kStatusRenamedBridge:
      return "{was}は{name}に変わった: ホストとそこのコンテナは互いに届かない";
    case kStatusGone: return "{name}はなくなった: そこを通るものはない";
    case kStatusMadeAnew: return "{name}は作り直された: 以前のものとして扱う";
    case kStatusCame:
      return "{name}はその後に現れた: そこから保護対象には届かず、そこからは出られない。"
             "ホストのサービスを保護している場合、届くのはinternetに開いたものだけ";
    case kStatusAudited: return "auditのコンテナ{containers}: 拒否するはずのものを数え、通している";
    case kStatusAuditedHost: return "ホストのサービスも同様";
    case kStatusNotCounting:
      return "何も数えていない: カーネルにそのテーブルがない。もう一度適用する";
    case kStatusRefusesNothing: return "拒否するはずのものは見られていない";
    case kStatusWouldRefuse: return "拒否するはずの{count}経路（規則の読み込み以降、7日以内）";
    case kStatusRefused: return "{from} -> {to} {port}: パケット{packets}、最後は{time}";
    case kStatusOfHost: return "テナントなし（ホスト、今は誰のものでもないアドレス）";
    case kStatusAuditFull:
      return "記録できる数を超えた経路（{kinds}）: パケット{packets}は一覧にない";
    case kStatusAuditSince:
      return "{container}はその後に起動または移動した: "
             "この規則ではどのサービスでもない。もう一度適用する";
    case kAppliedAudited:
      return "auditのコンテナ{containers}: 拒否するはずのものを数える。bulkhead status "
             "で一覧にする";
    case kPlanAudited:
      return "auditのコンテナ{containers}: この規則は拒否するはずのものを数える。内容は plan "
             "--enforce で表示する";
    case kPlanFitAwaits:
      return "ほかのneverとtestsはこの規則のもとですべて成立する。何も変更していない";
    case kTrialAudited: return "auditの間は成立しない。enforceにすれば成立する";
    case kStatusNoGuard: return "規則を変更できる者はこれを消せる。まだ防ぐものはない";
    case kStatusNoRearm: return "起動または再起動したコンテナは自動では加わらない";
    case kStatusNoBoot: return "マシンの再起動後には規則は残らない";
    case kStatusUnconfirmed: return "{file}は確認されなかったため{time}に戻した";
    case kStatusTakenBack: return "{file}は{time}に戻した";
    case kMapPort: return "ポート{name}";
    case kDrawSummary:
      return "コンテナ{containers}個、ネットワーク{networks}個、外部ゾーン{zones}個。{stopped}";
    case kDrawInternet: return "インターネット";
    case kDrawLan: return "LAN";
    case kDrawDmz: return "DMZ";
    case kDrawManagement: return "管理用ネットワーク";
    case kDrawShared: return "{count}テナントで共有";
    case kDrawAlsoIn: return "{networks}にも接続";
    case kDrawSame: return "同じコンテナ";
    case kLegendZone: return "ホスト外のゾーン";
    case kLegendNetwork: return "ネットワーク";
    case kLegendInternal: return "内部専用ネットワーク";
    case kLegendShared: return "複数テナントのネットワーク";
    case kLegendSame: return "同じ番号: 複数のネットワークにある一つのコンテナ";
    case kLegendTenant: return "テナントの色";
    case kLegendListening: return "待ち受け";
    case kLegendPublished: return "ホストで公開";
  }
  return {};
}

}  // namespace bulkhead::report::japanese
