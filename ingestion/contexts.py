"""The words around a name that tell whether a platform is meant.

Belongs here: what a `context` or `unless` of the watchlist may say in braces, and how such a pattern becomes
a regular expression. Does not belong here: names (they stand in the watchlist), and finding them in texts
(`ingestion.mentions`).

A pattern is searched in the text around a name: accents are taken off Latin letters, full-width letters are
narrow, and the name itself and other platforms are hidden behind marks that only words in braces match, so
that no name is context for itself.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ingestion.folding import without_accents

NAME_MARK = "\ue000"
PLATFORM_MARK = "\ue001"
ITSELF_MARK = "\ue002"
DOUBTFUL_MARK = "\ue003"
"""What hides the name in question, other platforms, other names of the same platform, and names that may be
another platform. No text holds them: they are for private use."""


def _words(text: str) -> str:
    """A pattern for any of the words and phrases of a text, in which semicolons separate them."""
    return _any(*(part for phrase in text.split(";") if (part := " ".join(phrase.split()))))


def _any(*patterns: str) -> str:
    return f"(?:{'|'.join(patterns)})"


_NAME = f"{NAME_MARK}+"
_PLATFORM = f"[{PLATFORM_MARK}{ITSELF_MARK}]+"
_ITSELF = f"{ITSELF_MARK}+"
_OTHER = f"[{PLATFORM_MARK}{ITSELF_MARK}{DOUBTFUL_MARK}]+"
_QUOTE = r"[\"'“”‘’«»「」『』]?"
_AND = _words(
    r"""
    and; or; y; o; e; ou
    """
)

# "the encrypted messaging app {name}"
_SORT = _words(
    r"""
    social (?:media |shopping |video )?; video; short[- ]?video; messaging; message; chat; encrypted;
    streaming; live ?streaming; shopping; microblogging
    """
)
_KIND = _words(
    r"""
    apps?; applications?; aplicacion(?:es)?; aplicativos?; app de mensajeria; platforms?; plataformas?;
    social networks?; red(?:es)? social(?:es)?; redes? socia(?:l|is); social media(?: site| service)?;
    clone; rival; alternative; alternativa; competitor; messenger; messaging service; chat service;
    mensajeria; microblog(?:ging)?(?: site)?; website
    """
)
_CALLED = r"(?:,? (?:called|named|known as|llamada?|chamado|de))?,?"
# "{name} users"
_OF_PLATFORMS = _words(
    r"""
    apps?; applications?; aplicacion; aplicativo; users?; usuarios; accounts?; cuentas?; contas?;
    group chats?; chats?; channels?; canales; canal; posts?; posted; messenger; followers; seguidores;
    downloads?; descargas; installs?; servers?; instances?; bots?; stickers?; founder; fundador; CEO;
    boss; chief; president; owner; creators?; influencers?; feeds?; profiles?; perfil(?:es)?; usernames?;
    handles?; timelines?; live ?streams?; stories; DMs; outage; algorithm; hashtags?; rival; alternative;
    platform; network; plataforma; messages; moderat(?:ion|ors); terms of service; privacy policy; bans?;
    leak; scandal; blackout; shutdown; hack; code; clone
    """
)
# "a chat on {name}", "el fundador de {name}"
_HOLDER = _words(
    r"""
    chats?; groups?; grupos?; channels?; canal(?:es)?; canais; accounts?; cuentas?; contas?; users?;
    usuarios; messages?; mensajes?; mensagens; posts?; founder; fundador; owner; dueno; dono; CEO; boss;
    jefe; profiles?; perfil; version; alternatives?; rivals?; clones?
    """
)
_HELD_BY = _words(
    r"""
    of; on; in; to; for; via; de; en; do; da; no; na; del
    """
)
# "{name} adds polls": what ordinary things do as well, so that it takes another sign
_ACTS = _words(
    r"""
    adds; launches; tests; introduces; unveils; sues; sued; hides; bans; blocks;
    suspends; restores; removes; deletes; bets; lets; allows; gets; gains; gained; sees; saw;
    grew; grows; jumps; surges; rockets; shutting down; loses; surpasses; passes; tops; overtakes;
    reaches; hits; crosses; nears; closes in; shuts; winds down; shutters; goes down; starts to;
    begins to; hands; says; plans; wants; refuses; faces; raises; returns to; climbs; soars; vows;
    denies; apologi[sz]es; struggles; announces; confirms; expands; drops; limits; restricts; complies;
    offers; reports; fixes; updates; pays; lays off; cuts; hires; appoints; acquires; opens; stops;
    turns; shares; asks; appeals; wins; would rather; has (?:been|more);
    fined; banned; blocked; hacked;
    to (?:get|share|remove|add|launch|let|allow|start|stop|charge|pay|hide|ban|end|introduce|roll out|shut);
    to (?:test|show|bring|appeal|leave|require|limit|block|label|offer|open);
    will (?:let|soon|no longer|charge|remove|be|start|stop|allow|pay|hide);
    (?:is|was|were) (?:down|back|testing|adding|rolling|getting|losing|gaining|working|facing|suing);
    (?:is|was|were) (?:hit|said|used|dying|dead|safe|secure); lanza; estrena;
    anade; prueba; permite; permitira; supera; alcanza; llega a; suma; sufre; cae; cierra; bloquea;
    prohibe; elimina; vuelve; gana; pierde; crece; recibe; anuncia; presenta; prepara; niega; limita;
    incorpora; activa; lidera; ofrece; se cae; tendra; ganha; perde; recebe; volta; lanca; libera; testa;
    bane;
    (?:multad|bloquead|suspendid|suspens|investigad|denunciad)[oa]
    """
)
# "{name} rolls out polls": what apps do
_ACTS_OF_APPS = _words(
    r"""
    rolls out; rebrands; unblocks; unblocked; back online;
    (?:is|was|were) (?:back online|rolling out|banned|blocked|fined|sued|hacked); sai do ar; fora do ar;
    (?:es |e |fue |foi |sera )(?:multad|bloquead|suspendid|suspens|investigad|denunciad)[oa]
    """
)
# "se cae {name}"; always with _END behind the name
_ACTS_BEFORE = _words(
    r"""
    se (?:ha )?ca(?:e|yo|ido); cae; caida (?:\w+ )?(?:de|en); fall(?:a|as|o|os) (?:\w+ )?(?:de|en);
    llega; llego; regresa; queda d[oa]; cai
    """
)
# What people do and find on a platform, and who owns one: one of them beside a verb settles it.
_SIGN_WORDS = _words(
    r"""
    apps?; app store; google play; ads; users?; accounts?; feeds?; posts?; posting; polls?; DMs; messages?;
    messaging; encrypt\w*; channels?; chats?; chatbots?; bots?; downloads?; followers; likes; hashtags?;
    outages?; log-?ins?; links?; social media; social networks?; platforms?; stickers; algorithms?; privacy;
    disinformation; misinformation; hate speech; moderat\w+; fact[- ]check\w*; subscri\w+; verification;
    creators?; influencers?; live ?stream\w*; advertisers?; timelines?; federat\w+; fediverse; servers?;
    memes?; emojis?; avatars?; usernames?; profiles?; video calls?; short videos?; Grok;
    aplicacion(?:es)?; aplicativos?; usuari[oa]s?; cuentas?; contas?; publicaciones; mensajes?; mensagens;
    canal(?:es)?; canais; seguidores; descargas?; red(?:es)? social(?:es)?; redes? socia(?:l|is);
    desinformacion; desinformacao; plataformas?; videollamadas?; llamadas grupales; algoritmo; anunciantes;
    creadores?; criadores?; perfil(?:es)?; etiquetas;
    Meta; Musk; Elon; Zuckerberg; Mosseri; Durov; Whittaker; ByteDance; Yaccarino; Graber; Rochko
    """
)
_SIGN = rf"(?:\b{_SIGN_WORDS}\b|{_PLATFORM}|(?<!\w)[@#]\w|https?://|\w\.com\b)"
_ALREADY = r"(?:(?:now|also|finally|quietly|ya|tambien|agora) )?"
_NOT_THE = rf"(?<!\bthe )(?<!{NAME_MARK})"
"""The Telegram is a newspaper, the X an unknown."""
# "on {name}, he said"; always with _END behind the name
_MOVE = _words(
    "mov; switch; flock; turn; migrat; flee; post; return; tak; took; com; goodbye; welcome; access"
)
_TOWARDS = _words(
    rf"""
    on; via; through; onto; using; off; join(?:s|ed|ing)?; rejoin(?:s|ed|ing)?; quit(?:s|ting)?; left;
    leav(?:e|es|ing); flee; fled; fleeing; abandon(?:s|ed|ing)?; ditch(?:es|ed|ing)?; delet(?:e|es|ed|ing);
    use of; uses?; used; download(?:s|ed|ing)?; uninstall(?:s|ed|ing)?; tr(?:y|ies|ied|ying);
    ban(?:s|ned|ning)?;
    unban(?:s|ned)?; block(?:s|ed|ing)?; sue(?:s|d)?; fine(?:s|d)?; boycott(?:s|ed|ing)?;
    {_MOVE}(?:e?s|ed|ing|e)? (?:[\w'’]+ ){{0,4}}?(?:to|onto|for|over to);
    (?:back|users?|exodus|rush|head(?:s|ed|ing)?) (?:[\w'’]+ ){{0,4}}?(?:to|onto|for|over to);
    (?:posted?|published|shared|spread|trending|viral|verified|banned|suspended) (?:on|over|by|from|off);
    (?:kicked|removed) (?:from|off); (?:probe|investigation|inquiry) (?:into|of);
    (?:lawsuit|case|complaint|ruling) against; what is; what['’]s; how to (?:use|join|leave|delete);
    en; via; por; contra; abandonan?; deja[nr]?; dejaron; bloquean?; bloquear; prohibe; prohibir; usan?; usar;
    descargan?; suspend[a-z]*; que es; o que e; como usar; pelo; trocam?; migra[nm]? (?:a|al|para o?);
    adios a; multa a; demanda a
    """
)
_AFTERWARDS = _words(
    r"""
    to; and; or; as; after; before; in; on; with; for; at; by; because; amid; about; that; since; while;
    than; instead; during; but; from; following; says?; is; are; was; were; has; have; had; will; can;
    could; may; should; who; when; where; why; how; over; until; despite; against; altogether; again;
    today; this; last; en masse; now; too; y; e; o; u; a; al; de; del; en; para; por; con; sin; tras;
    que; como; desde; entre; porque; em; na; no; nas; nos; com; sem; apos
    """
)
_END = rf"(?:$|{_QUOTE}[,.:;!?)\"'”’»]|{_QUOTE} (?:{_AFTERWARDS}\b|[$€£\d]))"
_LINK = _any(
    " ?[,/、&+] ?",
    r",? (?:and|or|y|e|o|u|ou|et|und|vs\.?|versus|than|not|to|for|into|over|with|como|que|a)(?: the)? ",
    " (?:frente a|contra) ",
    " ?(?:和|与|與|或|及|跟|到|、|とは|と|や|から|还是|還是) ?",
)
_CJK_BEFORE = _words(
    r"""
    平台; 应用; 應用; 软件; 軟件; 工具; 社交网络; 社交網絡; 社交网站; 社交媒体; 社交媒體; 网站; 网络;
    旗下; 旗下的; App ?; アプリ; アプリの; SNS; SNSの; 用; 使用; 利用; 下载; 下載; 卸载; 在; 离开; 離開;
    离开了; 封禁; 起诉; 登录; 傘下の
    """
)
_CJK_AFTER = _words(
    r"""
    平台; 应用; 應用; 软件; App(?![A-Za-z]); 用户; 用戶; 用户数; 群聊; 群组; 群組; 账号; 帳號; 频道;
    頻道; 创始人; 創始人; 下载; 下載; 月活; 日活; 宣布; 推出; 上线; 上線; 回应; 回應; 被罚; 被禁; 起诉;
    恢复; 宕机; 崩了; 新增; 测试; 博主; 网友; 網友; 公司; 母公司; 官方; の利用者; 利用者; ユーザー;
    アカウント; 上で; で拡散; 離れ; への移行
    """
)
_CJK = r"[\u3040-\u30ff\u4e00-\u9fff]"

_ACTING = rf"{_NOT_THE}{_NAME}{_QUOTE} {_ALREADY}{_ACTS}\b"
_USED = _any(
    rf"\b(?:{_SORT} ?)?{_KIND}{_CALLED} {_QUOTE}{_NAME}",
    rf"{_NAME}{_QUOTE}(?:['’]s|s?['’])? {_OF_PLATFORMS}\b",
    rf"\b{_HOLDER} {_HELD_BY} {_QUOTE}{_NAME}",
    rf"{_NAME},? (?:an?|the|la|el|una?|o|um|uma) (?:[\w'’-]+ ){{0,3}}?{_KIND}\b",
    rf"{_NOT_THE}{_NAME}{_QUOTE} {_ALREADY}{_ACTS_OF_APPS}\b",
    rf"{_ACTING}(?=.*{_SIGN})",
    rf"(?m:^)(?=.*{_ACTING}).*{_SIGN}.*{_ACTING}",  # looks for a sign only where it may decide
    rf"\b{_ACTS_BEFORE} {_QUOTE}{_NAME}{_END}",
    rf"\b{_TOWARDS}(?: the| el| la| o)? {_QUOTE}{_NAME}{_END}",
    rf"\b(?:is|es) {_NAME} (?:safe|secure|down|dead|dying|worth|really|better|seguro|segura)\b",
    rf"{_CJK_BEFORE} ?{_QUOTE}{_NAME}",
    rf"{_NAME}{_QUOTE} ?{_CJK_AFTER}",
)
_LISTED = _any(
    rf"{_OTHER}{_QUOTE}{_LINK}{_QUOTE}{_NAME}",
    rf"{_NAME}{_QUOTE}{_LINK}{_QUOTE}{_OTHER}",
    rf"{_NAME}(?:, [\w'’.]+){{1,3}},? {_AND} {_OTHER}",
    rf"{_OTHER}(?:, [\w'’.]+){{1,3}},? (?:{_AND} )?{_NAME}",
    rf"\b(?:alternativ[ea]s?|rivals?)\b[^.]{{0,24}}?(?::|include|like|such as|como|incluyen) {_NAME}",
    rf"{_PLATFORM}(?:['’]s)? (?:[\w'’-]+ ){{0,6}}?(?:with|than|from|to|like|against) {_NAME}(?:$|[,.:?!])",
)
_OF_A_COUNTRY = r"\b(?:chinese|russian|indian|(?:china|russia|india)['’]s)"
_VERSION = _words("version; equivalent; counterpart; clone; answer")
_COUNTRY_CJK = _words("中国; 中國; 印度; 俄罗斯; 俄羅斯; 俄国")
# Products that are called by the names of others. They are on no watchlist: a name on it is a {platform}.
_COMPARED = _words(
    r"""
    Douyin; Kuaishou; Weibo; WeChat; Weixin; QQ; Bilibili; Youku; Zhihu; Renren; Moj; Josh; ShareChat; Koo;
    Chingari; VK(?:ontakte)?; V Kontakte; Odnoklassniki; RuTube; Rossgram; Yappy; MAX; Baidu; Ernie; Doubao;
    Kimi; Qwen; 抖音; 快手; 微博; 微信; 哔哩哔哩; 优酷; 知乎; 人人网
    """
)
_COMPARISON = _any(
    rf"{_OF_A_COUNTRY} (?:own |other |{_VERSION} (?:of|to|for) ){_QUOTE}{_NAME}",
    rf"{_OF_A_COUNTRY} {_QUOTE}{_NAME}{_QUOTE},? (?:{_COMPARED}\b|{_PLATFORM})",
    rf"\b{_COMPARED},? (?:(?:also )?(?:known as|called|dubbed|is|or) )?(?:the |a )?"
    rf"{_OF_A_COUNTRY} {_QUOTE}{_NAME}",
    rf"{_NAME}{_QUOTE} (?-i:chin[oae]|chines|chinesa|rus[oa]|indi[oa]|of China|de China|da China)\b",
    r"\b(?:version|equivalente|respuesta|replica|copia|versao) (?:chin[ao]|rus[ao]|indi[ao]|chinesa) "
    rf"(?:del?|a|al|do) {_QUOTE}{_NAME}",
    rf"{_COUNTRY_CJK}版(?:的)?{_QUOTE}{_NAME}",
    rf"{_COUNTRY_CJK}的{_QUOTE}{_NAME}{_QUOTE} ?(?:{_COMPARED}|{_PLATFORM})",
)
_EPITHET = _any(
    _COMPARISON,
    rf"{_OF_A_COUNTRY} {_QUOTE}{_NAME}"
    rf"(?:['’”\"»」]|[,.:!?]|$| (?:that|which|is|becomes?|tops?|topped|and|to|with|for|wins|called|named)\b)",
    rf"{_COUNTRY_CJK}的{_QUOTE}{_NAME}",
)
_IN_CHINESE = _any(rf"{_CJK}{_QUOTE}{_NAME}", rf"{_NAME}{_QUOTE}{_CJK}")

FRAGMENTS = {
    "name": _NAME,
    "platform": _PLATFORM,
    "itself": _ITSELF,
    "used": _USED,
    "listed": _LISTED,
    "comparison": _COMPARISON,
    "epithet": _EPITHET,
    "in_chinese": _IN_CHINESE,
}
"""What may stand in braces.

- `name`: the name itself; `itself`: another name of the same platform; `platform`: any other recognised name.
- `used`: the name where only an app can stand ("the app Here", "Here users", "on Here, he said"), in English,
  Spanish, Portuguese, Chinese and Japanese. A verb alone ("Here adds") is nothing: it takes a second sign,
  such as a word for what platforms hold, another platform, an owner, an @, a # or an address.
- `listed`: the name side by side with another platform.
- `in_chinese`: the name in Latin letters beside Chinese or Japanese ones, where an English word is a name.
- `comparison`: the name as a comparison for another product, which stands beside it or is a version of it
  ("Chinese TikTok Douyin", "Douyin, la versión china de TikTok").
- `epithet`: the same, and "the Chinese Instagram" alone. Not for a name that is at home there: "China's
  TikTok, which is to be sold" is TikTok.
"""

_BRACED = re.compile(r"\{([a-z_]+)\}")


def unknown_fragments(pattern: str) -> list[str]:
    """Words in braces that stand for nothing."""
    return [word for word in _BRACED.findall(pattern) if word not in FRAGMENTS]


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of a `context` or `unless`; case does not matter unless it says `(?-i:...)`.

    Raises `re.error`, and KeyError for unknown braces.
    """
    bare = without_accents(pattern)
    return re.compile(_BRACED.sub(lambda found: FRAGMENTS[found[1]], bare), re.IGNORECASE)
