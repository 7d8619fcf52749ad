"""The words of which names of secrets consist, in English and in nine other languages.

All words are in lower case, without accents and ligatures, as `names.fold` makes them.
"""

from __future__ import annotations

# A name with one of these, or its plural with -s, is the name of a secret.
SECRETS = frozenset(
    """
    apikey authorization bearer cookie cred credential csrf cvc cvv hmac jwt mnemonic otp passcode
    passkey passphrase passw passwd password passwrd privkey psw pswd pw pwd pword secret signature
    ssn token totp xsrf

    geheimnis geheimwort geheimzahl kennwort kreditkartennummer kartennummer losungswort passwort
    sitzungsschlussel zugangscode zugangsdaten zugriffsschlussel
    cryptogramme jeton mdp motdepasse motpasse
    contrasena contrasenia contrasenya credencial secreto
    palavrapasse segredo senha
    credenziale credenziali gettone parola segreto
    haslo hasla haslem poswiadczenia sekret
    belirtec parolasi parolaniz sifre sifresi sifreniz
    ключдоступа парол пароли пароль паролем пароля секрет токен учетныеданные parol
    """.split()
)

# Two neighbouring words, by the second of them. Written together they count as well.
PAIRS = {
    second: frozenset(firsts.split())
    for second, firsts in {
        "answer": "secret security",
        "assertion": "client",
        "card": "credit debit",
        "code": "access auth backup fa login mfa otp pin recovery reset security verification",
        "header": "auth",
        "id": "secret session",
        "key": """access account aes anthropic api app application auth aws azure client consumer
            crypto datadog decryption deploy encrypt encryption fernet gpg license mailgun master
            openai pgp private rsa secret sendgrid server service session shared signing ssh stripe
            subscription twilio wallet""",
        "no": "card cc",
        "num": "card cc",
        "number": "card cc security",
        "pass": """account admin app basic bind database db email ftp http imap keystore ldap login
            mail mongo mysql oracle pg postgres proxy rabbitmq redis root server service smtp sql
            ssh sudo user vpn wifi wlan""",
        "phrase": "pass recovery secret seed",
        "pin": "access auth card login security sim user",
        "pwd": "my",
        "security": "social",
        "sid": "connect",
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
    phrasesecrete
    claveapi clavedeacceso claveprivada claveacceso clavesecreta codigodeseguridad codigoseguridad
    numerodetarjeta numerotarjeta palabradepaso
    chaveapi chavedeacesso chaveacesso chaveprivada chavesecreta codigodeseguranca codigoseguranca
    frasesecreta numerocartao numerodocartao
    chiaveapi chiaveprivata chiavesegreta codicedisicurezza codicesegreto codicesicurezza
    frasesegreta numerocarta numerodicarta paroladordine parolaordine
    kluczapi kluczdostepu kluczprywatny kluczsesji koddostepu kodpin numerkarty tajnyklucz
    apianahtari erisimanahtari erisimbelirteci gizlianahtar guvenlikkodu kartno kartnumarasi
    kimlikbilgileri ozelanahtar
    apiключ закрытыиключ кодбезопасности кодподтверждения кодовоеслово номеркарты пинкод
    приватныиключ секретныиключ
    """.split()
)

# The whole name, when nothing stands beside it.
ALONE = frozenset("pass pin pincode sess sessid session sid sig clave пин".split())
# The last word of a name.
LAST = frozenset({"auth"})

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
    密码 密碼 口令 密钥 密鑰 密匙 秘钥 秘鑰 私钥 私鑰 令牌 凭证 憑證 凭据 验证码 驗證碼
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

# A name that begins or ends with one of these says something about a secret, not the secret.
ABOUT_FIRST = frozenset(
    """
    allow allows can count disable enable has hide is max min n need needs no num require requires
    should show skip total with without
    dlugosc longitud longueur lunghezza tamanho длина срок
    """.split()
)
ABOUT_LAST = frozenset(
    """
    accepted address age alg algo algorithm amount arn at attempt attempts aud audience backend
    balance banner bucket budget cache changed chars class classification client cls consent count
    counts created date days decimals dir disabled domain duration enabled endpoint engine error
    errors exempt exists expired expires expiration expiry factory failed failure field fields file
    filename fingerprint form format found generator handler hasher hashers host hours httponly id
    ids index interval invalid issuer kind label last leeway left len length lifetime limit limits
    manager mask max method methods middleware min minutes missing mode model module ms name names
    notice offset optional origins path policy position prefix present price provider quota rate
    reason ref remaining required requirements retries retry rotation rules samesite scheme seconds
    secure serializer service since size state stats status storage store strength suffix supply
    symbol time timeout timestamp total ttl type until updated uri url usage used valid validation
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
# Objects whose fields are secrets by the name of the object: {"card": {"number": ...}}.
HOLDERS = frozenset("access api card cc creditcard private secret signing encryption ssh".split())
