"""Decide by words of ten languages whether a name is that of a secret.

All words are in lower case, without accents and ligatures, as `_names.fold` makes them. This module
is imported at the first name.
"""

from __future__ import annotations

# A name with one of these, or its plural with -s, is the name of a secret.
SECRETS = frozenset(
    """
    apikey authorization bearer cookie cred credential csrf cvc cvv dockerconfigjson hmac jwt
    mnemonic otp passcode passhash passkey passphrase passw passwd password passwrd privkey psk psw
    pswd puk pw pwd pwhash pword secret signature ssn token totp xsrf

    codewort kreditkarte
    bestatigungscode einmalpasswort geheimcode geheimnis geheimnisse geheimwort geheimzahl kennwort
    kennworter kennwortern kennwortes kennworts kartennummer kartenprufnummer kreditkartennummer
    losungswort passwort passworter passwortern prufziffer pruefziffer sicherheitsnummer
    bankkarte sitzungsschlussel sitzungsschluessel verifizierungscode zugangscode zugangsdaten
    zugriffsschlussel
    cryptogramme jeton mdp motdepasse motpasse motsdepasse motspasse
    contrasena contrasenia contrasenya credencial credenciales secreto
    credenciais palavrapasse segredo senha
    credenziale credenziali gettone parola segreto
    haslo hasla haslem haslami poswiadczenia sekret
    belirtec parolasi parolaniz sifre sifreler sifreleri sifresi sifreniz
    ключдоступа парол пароли паролеи пароль паролем паролю пароля секрет токен токена токены
    учетныеданные parol
    """.split()
)

# Two neighbouring words, by the second of them. Written together they count as well.
PAIRS = {
    second: frozenset(firsts.split())
    for second, firsts in {
        "answer": "secret security",
        "assertion": "client",
        "card": "credit debit",
        "code": """access auth backup device fa login mfa otp pin recovery reset security time
            unlock verification""",
        "config": "jaas",
        "hash": "pass pw",
        "header": "auth",
        "id": "secret sess session",
        "key": """access account aes anthropic api app application auth aws azure client consumer
            crypto datadog decryption deploy enc encrypt encryption fernet functions gpg licence
            license mailgun master openai pgp preshared private rsa secret sendgrid server service
            session shared signing ssh stripe subscription twilio wallet""",
        "no": "card cc",
        "num": "card cc",
        "number": "card cc security",
        "pass": """account admin app basic bind confirm current database db email ftp http imap key
            keystore ldap login mail mongo mysql new old oracle pg postgres proxy rabbitmq redis
            root server service smtp sql ssh store sudo user vpn wifi wlan""",
        "pem": "private",
        "phrase": "pass recovery secret seed",
        "pwd": "my",
        "response": "saml",
        "security": "social",
        "sid": "auth connect login php session user",
        "str": "conn connection",
        "string": "conn connection",
        "tok": "access api auth bearer id refresh",
        "value": "auth",
        "verifier": "code oauth",
        "word": "pass",
        "wd": "pass",
    }.items()
}

# Phrases of other languages, written together. In a name their words may be separated.
PHRASES = frozenset(
    """
    apischlussel apischluessel geheimerschlussel geheimerschluessel geheimschlussel
    geheimschluessel privaterschlussel privaterschluessel sicherheitscode sitzungsid
    zugriffsschluessel
    cleapi cleprivee clesecrete codedesecurite codesecret codesecurite numerocarte numerodecarte
    phrasesecrete cartebancaire cartecredit cartedecredit cartebleue
    claveapi clavedeacceso claveprivada claveacceso clavesecreta tarjetacredito
    tarjetadebito tarjetadecredito tarjetadedebito codigodeseguridad codigoseguridad
    llaveprivada numerodetarjeta numerotarjeta palabradepaso
    cartaocredito cartaodecredito cartaodebito cartaodedebito
    chaveapi chavedeacesso chaveacesso chaveprivada chavesecreta codigodeseguranca codigoseguranca
    frasesecreta numerocartao numerodocartao
    cartacredito cartadicredito cartadidebito
    chiaveapi chiaveprivata chiavesegreta codicedisicurezza codicesegreto codicesicurezza
    frasesegreta numerocarta numerodicarta paroladordine parolaordine
    kartakredytowa kartaplatnicza kluczapi kluczdostepu kluczprywatny kluczsesji koddostepu kodpin
    numerkarty tajnyklucz
    kredikarti bankakarti
    apianahtari dogrulamakodu guvenliksifresi onaykodu erisimanahtari
    erisimbelirteci gizlianahtar guvenlikkodu kartno kartnumarasi
    kimlikbilgileri ozelanahtar
    apiключ ключапи закрытыиключ кодбезопасности кодподтверждения кодовоеслово номеркарты пинкод
    приватныиключ секретныиключ
    """.split()
)

# In these languages the word of the secret comes first, and its owner or purpose after it: "mot de
# passe utilisateur", "clave de API", "пароль пользователя". Words that only join the two (JOINING)
# do not count.
_OF_PASSWORDS = """
    acceso acces accesso acesso admin administracion administrador administrateur administratora
    administratore api base bazy compte conexion connexion conta cuenta
    dostepu konta servicio serveur servidor session sesion sesji sessao sessione sistema systemu
    uzytkownika usuario utente utilisateur utilizador wifi
    администратора базы доступа пользователя сервера сессии системы
    """
_OF_KEYS = """
    acces acceso accesso acesso api chiffrement cifrado criptografia dostepu privada privata
    prywatny privee secreta secrete segreta seguranca seguridad sesion sesji szyfrowania tajny
    usuario utente uzytkownika доступа шифрования
    """
_OF_CODES = """
    acces acceso accesso acesso autenticacion autorizacion autorizacao autoryzacyjny confidentiel
    confirmacion confirmacao conferma confirmation dostepu pin secret secreto segreto seguranca
    seguridad sicurezza verificacion verificacao verification verifica weryfikacyjny
    доступа подтверждения проверки
    """
HEADS = {
    head: frozenset(after.split())
    for heads, after in (
        (
            """contrasena contrasenas haslo hasla jeton jetons motpasse motspasse parola password
            пароль пароли senha senhas token tokens токен токены""",
            _OF_PASSWORDS,
        ),
        ("chave chiave clave cle klucz ключ", _OF_KEYS),
        ("code codice codigo kod код", _OF_CODES),
    )
    for head in heads.split()
}
JOINING = frozenset("a al d da de del della des di do du e el l la le o od of от к".split())

# The whole name, when nothing stands beside it.
ALONE = frozenset("pincode sess sessid session sid sig clave пин".split())
# The last word of a name.
LAST = frozenset({"auth", "pass", "pin"})

# Endings of long words. No other English words have these endings, except "betoken".
ENDINGS = (
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pswd",
    "pwd",
    "pw",
    "secret",
    "token",
    "cookie",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "credential",
    "sessionid",
    "sessid",
    "authorization",
    "kennwort",
    "kennworter",
    "passwort",
    "passworter",
    "motdepasse",
    "contrasena",
    "sifresi",
    "пароль",
    "токен",
)
# "fa" is the rest of 2fa; joined it would make "facode" a secret.
TOGETHER = PHRASES | {
    first + second for second, firsts in PAIRS.items() for first in firsts if first != "fa"
}

# Chinese and Japanese put no space between words: a name is that of a secret if it contains one
# of the first list, unless one of the second list follows it.
UNSPACED = tuple(
    """
    密码 密碼 口令 pinコード 密钥 密鑰 密匙 秘钥 秘鑰 私钥 私鑰 令牌 凭证 憑證 凭据 验证码 驗證碼
    安全码 安全碼 卡号 卡號

    パスワード 暗証番号 秘密鍵 秘密の答え 合言葉 トークン apiキー アクセスキー 認証コード
    認証情報 資格情報 カード番号 セキュリティコード パスフレーズ シークレット 暗号鍵 パスコード
    """.split()
)
UNSPACED_ABOUT = tuple(
    """
    学 子 长度 長度 强度 強度 策略 过期 過期 错误 錯誤 规则 規則 数 链接 類型 类型
    有効 期限 長 ポリシー 変更 の長 の期 リセット を忘れ
    """.split()
)

# A name that begins or ends with one of these is about a secret, and is not its name.
ABOUT_FIRST = frozenset(
    """
    allow allows can count disable enable has hide is max min n need needs no num require requires
    should show skip total with without xdg
    dlugosc longitud longueur lunghezza tamanho длина срок
    """.split()
)
ABOUT_LAST = frozenset(
    """
    accepted address age alg algo algorithm amount arn at attempt attempts aud audience backend
    balance banner bucket budget cache changed chars class classification client cls command consent
    count counts created date days decimals dir disabled domain duration enabled endpoint engine
    error errors exchange exempt exists expired expires expiration expiry factory failed failure
    field fields file
    filename fingerprint form format found generator handler hasher hashers host hours httponly id
    ids index interval invalid issuer kind label last leeway left len length lifetime limit limits
    manager mask max method methods middleware min minutes missing mode model module ms name names
    notice offset optional origins path policy position prefix present price provider question quota
    rate
    reason ref remaining required requirements retries retry rotation rules samesite santa scheme
    seconds secure serializer service since size state stats status stdin storage store strength
    suffix supply symbol time timeout timestamp total ttl type until updated uri url usage used
    valid validation
    validator validators validity verified version view

    ablauf anzahl geaendert geandert lange laenge richtlinie longueur oublie expiree longitud
    caducada olvidada tamanho esquecida expirada lunghezza scaduta dlugosc wygasa uzunlugu длина
    срок
    """.split()
)
# After one of these the word has another meaning: a page, a position in a text, a piece of code.
OTHERWISE = {
    "token": frozenset(
        """
        bos cancel cancellation cls continuation continue cursor end eos first last mask next pad
        padding page pagination prev previous sep special start stop sync unexpected unk unknown
        """.split()
    ),
    "pass": frozenset(
        """
        backward boarding by compile compiler did first forward high last low next optimization
        optimizer render season second test third travel
        """.split()
    ),
    "pin": frozenset(
        """
        ball board button buzzer bowling clk clock crank data drain drop enable fan firing gpio
        ground hat input interrupt irq king lapel led map motor output power push relay rolling rx
        safety scl sda sensor servo signal trigger tx uart
        """.split()
    ),  # a contact of a chip, a mark on a map
    "secret": frozenset(("existing",)),  # of Kubernetes
    "signature": frozenset("call class email function method type".split()),
}
# Before one of these, too: an Italian keyword is a "parola chiave".
OTHERWISE_BEFORE = {"parola": frozenset(("chiave",))}
# Language models and parsers count "tokens". After one of these, tokens are credentials.
OPENING_TOKENS = frozenset(
    """
    access api auth bearer csrf device id invitation invite jwt login oauth personal push refresh
    registration reset secret security service session user verification xsrf
    """.split()
)

_SHORTEST_END = 3  # letters of the last word of a phrase
_MOST_JOINED = 4  # words of one secret: mot de passe, numero de carte
_KNOWN = SECRETS.union(PAIRS, *PAIRS.values(), LAST, ALONE, ("new", "old", "one"))
_ENGLISH_HEADS = frozenset(("token", "tokens", "password", "code"))
_ENGLISH = frozenset(("admin", "api", "base", "confirmation", "session", "verification"))


def is_secret(words: list[str]) -> bool:
    """Return whether the `words` of a name, without its numbers, name a secret."""
    if not words:
        return False
    last = len(words) - 1
    alone = (
        words[last] in LAST and (last == 0 or words[last - 1] not in OTHERWISE.get(words[last], ()))
    ) or (last == 0 and words[0] in ALONE)
    end = last if alone else last_secret(words)
    if end < 0 or (last > 0 and words[0] in ABOUT_FIRST):
        return False
    # The ID of an access key is half of a credential; other IDs only tell secrets apart.
    return end == last or words[last] not in ABOUT_LAST or words[-3:] == ["access", "key", "id"]


def is_secret_whole(words: list[str]) -> bool:
    return (
        any(word in SECRETS or _single(word) in SECRETS for word in words)
        and words[-1] not in ABOUT_LAST
    )


def last_secret(words: list[str]) -> int:
    """Return the index of the last word of a secret, alone or with others before it, or -1."""
    for index in range(len(words) - 1, -1, -1):
        word = words[index]
        before = words[index - 1] if index else ""
        if _is_secret_word(word, before, words[index + 1] if index + 1 < len(words) else ""):
            return index
        single = _single(word)
        if before in PAIRS.get(single, ()):
            return index
        for start in range(index - 1, max(index - _MOST_JOINED, -1), -1):
            joined = "".join(words[start:index]) + single
            if joined in SECRETS or joined in TOGETHER:
                return index
    return -1


def is_headed(words: list[str]) -> bool:
    """Return whether the first word is that of a secret, as in Spanish: clave de API."""
    bare = [word for word in words if word not in JOINING]
    for start in range(len(bare) - 1):
        for middle in range(start + 1, min(start + 3, len(bare))):
            head = "".join(bare[start:middle])
            # A "token session" is nothing in English, but with "de" between it is Spanish.
            if head in HEADS and _is_foreign(head, bare, words):
                return "".join(bare[middle:]) in HEADS[head]
    return False


def _is_foreign(head: str, bare: list[str], words: list[str]) -> bool:
    return head not in _ENGLISH_HEADS or bare[-1] not in _ENGLISH or len(bare) < len(words)


def _is_secret_word(word: str, before: str, after: str) -> bool:
    if word.endswith("tokens"):
        return (word[: -len("tokens")] or before) in OPENING_TOKENS
    single = _single(word)
    if single in SECRETS or word in SECRETS:
        return before not in OTHERWISE.get(single, ()) and after not in OTHERWISE_BEFORE.get(
            single, ()
        )
    if single in TOGETHER:
        return True
    if single.endswith(ENDINGS):
        return not (single.endswith("token") and single[: -len("token")] in OTHERWISE["token"])
    return not word.isascii() and _is_unspaced_secret(word)


def _is_unspaced_secret(word: str) -> bool:
    for secret in UNSPACED:
        _, found, rest = word.rpartition(secret)
        if found and not rest.startswith(UNSPACED_ABOUT):
            return True
    return False


def _single(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def is_plain(words: list[str]) -> bool:
    """Return whether the `words` of a name are the usual ones of a secret, and no others."""
    return is_secret(words) and all(_single(word) in _KNOWN for word in words)


def may_end(word: str) -> bool:
    """Return whether `word` may be the last one of several that name a secret together."""
    if any(word in after for after in HEADS.values()):
        return True
    word = _single(word)
    return word in PAIRS or (
        len(word) >= _SHORTEST_END
        and any(phrase != word and phrase.endswith(word) for phrase in (*PHRASES, *SECRETS))
    )
