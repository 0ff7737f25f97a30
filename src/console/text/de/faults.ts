/**
 * What the engine says of faults, in its words, and in German. Names in braces stand for what differs; what `kind`, `found` and `reason`
 * stand for is looked up here, too. The first that fits counts, so the more general stand last.
 */
export const faults: Readonly<Record<string, string>> = {
  'is missing': 'fehlt',
  'must be a number, not text': 'muss eine Zahl sein',
  'must be {kind}, not {found}': 'muss {kind} sein, nicht {found}',
  'a number': 'eine Zahl',
  'a whole number': 'eine ganze Zahl',
  'a list': 'eine Liste',
  empty: 'leer',
  'must be one of {known}': 'muss eines von diesen sein: {known}',
  'must be at least {least} characters': 'muss mindestens {least} Zeichen haben',
  'must be at least {least} character': 'darf nicht leer sein',
  'must be at least {least} entries': 'muss mindestens {least} Einträge haben',
  'must be at least {least} entry': 'muss mindestens {least} Eintrag haben',
  'must be at least {least}': 'muss mindestens {least} sein',
  'must be at most {most} characters': 'darf höchstens {most} Zeichen haben',
  'must be at most {most} entries': 'darf höchstens {most} Einträge haben',
  'must be at most {most} digits': 'darf höchstens {most} Ziffern haben',
  'must be at most {most}': 'darf höchstens {most} sein',
  'must be 1 second to 3650 days': 'muss zwischen einer Sekunde und 3650 Tagen liegen',
  'must be {least} to {most} digits': 'muss aus {least} bis {most} Ziffern bestehen',
  'must be a time such as "08:30"': 'muss eine Uhrzeit sein wie „08:30“',
  'must be "2026-12-24", "12-25" (every year) or a span "2026-12-24/2026-12-31"':
    'muss „2026-12-24“ sein, „12-25“ (jedes Jahr) oder eine Spanne „2026-12-24/2026-12-31“',
  'must be a telephone number of 1 to 15 digits, e.g. "14155550100" or "+1 415 555 0100"':
    'muss eine Telefonnummer aus 1 bis 15 Ziffern sein, z. B. „14155550100“ oder „+1 415 555 0100“',
  'must be what can be dialled: digits, * and #, an optional leading + and separators, at most 40 characters':
    'muss wählbar sein: Ziffern, * und #, vorn auch +, mit Trennzeichen, höchstens 40 Zeichen',
  '{did} is in more enabled rules than {most}, each 100 characters of a caller mask counting as one':
    '{did} steht in mehr als {most} eingeschalteten Regeln; je 100 Zeichen einer Anrufermaske zählen als eine',
  'must be digits, * and #, or a +': 'darf nur Ziffern, *, # oder ein + haben',
  'must be digits, * and # with an optional leading +': 'darf nur Ziffern, * und # haben, vorn auch +',
  'must be a number or a range such as "101-199"': 'muss eine Nummer oder ein Bereich sein wie „101-199“',
  'the range is reversed: its first number must not exceed its last':
    'der Bereich steht verkehrt herum: zuerst die kleinere Nummer',
  'must be a host name, an IPv4 address or an IPv6 address, without "sip:"; a port has its own field':
    'muss ein Hostname oder eine IP-Adresse sein, ohne „sip:“; der Port hat ein eigenes Feld',
  'must be an IP address or a network such as 203.0.113.0/24':
    'muss eine IP-Adresse oder ein Netz sein wie 203.0.113.0/24',
  'must be an IANA time zone such as Europe/Berlin': 'muss eine IANA-Zeitzone sein wie Europe/Berlin',
  'must be 1 to 64 characters without ; , " < > \\ / ? # and without spaces at its ends':
    'muss 1 bis 64 Zeichen haben, ohne ; , " < > \\ / ? # und ohne Leerzeichen am Rand',
  'must be 1 to 63 letters, digits, dots, dashes or underscores and start with a letter or digit':
    'muss 1 bis 63 Buchstaben, Ziffern, Punkte, Binde- oder Unterstriche haben und mit einem Buchstaben oder einer Ziffer beginnen',
  'must have at least {least} characters': 'muss mindestens {least} Zeichen haben',
  'must have exactly one of extension, extensions, service, number, hangUp': 'muss genau ein Ziel haben',
  '"{entry}" must be a number of 1 to 15 digits or a range such as 1000-2000':
    '„{entry}“ muss eine Nummer aus 1 bis 15 Ziffern oder ein Bereich sein wie 1000-2000',
  '"{entry}" must not begin with "{sign}": enter the number without its prefix':
    '„{entry}“ darf nicht mit „{sign}“ beginnen: die Nummer steht ohne das davor',
  '"{entry}" is reversed: its first number exceeds its last':
    '„{entry}“ steht verkehrt herum: zuerst die kleinere Nummer',
  '"{entry}" overlaps "{other}" in the same pool': '„{entry}“ überschneidet sich mit „{other}“ im selben Bereich',
  '{number} is already the number of an extension': '{number} hat schon eine Nebenstelle',
  '{number} is already the number of the service "{name}"': '{number} hat schon der Dienst „{name}“',
  'there is already a group "{name}"': 'es gibt schon eine Gruppe „{name}“',
  'there is already an outbound rule "{name}"': 'es gibt schon eine ausgehende Regel „{name}“',
  'there is already an inbound rule "{name}"': 'es gibt schon eine eingehende Regel „{name}“',
  'there is already a tenant "{name}"': 'es gibt schon einen Mandanten „{name}“',
  'there is no extension {number}': 'es gibt keine Nebenstelle {number}',
  'there is no service with the number {number}': 'es gibt keinen Dienst mit der Nummer {number}',
  'there is no group "{name}"': 'es gibt keine Gruppe „{name}“',
  'there is no trunk "{name}" that tenant "{tenant}" may use':
    'es gibt keinen Trunk „{name}“, den der Mandant „{tenant}“ benutzen darf',
  '{number} is already a member': '{number} ist schon Mitglied',
  '{number} overflows to itself': '{number} geht an sich selbst weiter',
  '{number} is forwarded to itself': '{number} wird an sich selbst weitergeleitet',
  '{code} is already the code {other}': '{code} ist schon der Code {other}',
  'has no effect without hours': 'wirkt nicht ohne Öffnungszeiten',
  '{dids} DIDs cannot be mapped one to one to {size} extensions':
    '{dids} Rufnummern passen nicht eins zu eins auf {size} Nebenstellen',
  'matches the same calls as the rule "{name}": same trunk, same DIDs, same callers, same verification':
    'gilt für dieselben Anrufe wie die Regel „{name}“: gleicher Trunk, gleiche Rufnummern, gleiche Anrufer, gleiche Signatur',
  '{number} is not inside the pool of tenant "{tenant}" on trunk "{trunk}"':
    '{number} liegt nicht im Bereich des Mandanten „{tenant}“ auf dem Trunk „{trunk}“',
  '{number} is in none of the pools of tenant "{tenant}": {pools}':
    '{number} liegt in keinem Bereich des Mandanten „{tenant}“: {pools}',
  '{number} is in none of the pools of tenant "{tenant}"': '{number} liegt in keinem Bereich des Mandanten „{tenant}“',
  'a trunk needs a host': 'ein Trunk braucht einen Server',
  "a tenant's own trunk needs a DID pool": 'der eigene Trunk eines Mandanten braucht einen DID-Pool',
  'a {type} trunk needs credentials': 'ein Trunk {type} braucht Namen und Passwort für die Anmeldung',
  'tenant "{tenant}" already has a trunk "{name}"': 'der Mandant „{tenant}“ hat schon einen Trunk „{name}“',
  'the system already has a trunk "{name}"': 'es gibt schon einen Trunk „{name}“ des Systems',
  'a tenant-admin names its tenant, a system-admin none':
    'die Mandantenverwaltung braucht einen Mandanten, die Systemverwaltung keinen',
  'a tenant-admin token names its tenant, a system-admin token none':
    'die Mandantenverwaltung braucht einen Mandanten, die Systemverwaltung keinen',
  'must be 1 to 64 letters, digits, dots, dashes, underscores, plus or at signs':
    'muss 1 bis 64 Buchstaben, Ziffern, Punkte, Binde- oder Unterstriche, + oder @ haben',
  'the name {name} is taken': 'der Name {name} ist vergeben',
  'name, password or code is wrong': 'Name, Passwort oder Code stimmt nicht',
  'too many wrong passwords for this name; try again in 15 minutes':
    'zu viele falsche Passwörter für diesen Namen; in 15 Minuten geht es wieder',
  'is not the present password': 'ist nicht das jetzige Passwort',
  'is not what the app shows now': 'ist nicht, was die App jetzt zeigt',
  'extension {number} exists already': 'die Nebenstelle {number} gibt es schon',
  'service {number} exists already': 'den Dienst {number} gibt es schon',
  'group {name} exists already': 'die Gruppe {name} gibt es schon',
  'outbound rule {name} exists already': 'die ausgehende Regel {name} gibt es schon',
  'inbound rule {name} exists already': 'die eingehende Regel {name} gibt es schon',
  'tenant {name} exists already': 'den Mandanten {name} gibt es schon',
  '{domain} is already the domain of tenant "{tenant}"': '{domain} ist schon die Domain des Mandanten „{tenant}“',
  'there is already a certificate "{name}"': 'es gibt schon ein Zertifikat „{name}“',
  'holds no PEM certificate (-----BEGIN CERTIFICATE-----)': 'enthält kein Zertifikat (-----BEGIN CERTIFICATE-----)',
  'holds no PEM private key (-----BEGIN PRIVATE KEY-----)': 'enthält keinen Schlüssel (-----BEGIN PRIVATE KEY-----)',
  'cannot be read: it is damaged': 'ist nicht zu lesen: er ist beschädigt',
  "begins with the certificate of an authority: put the end's own certificate first":
    'beginnt mit dem Zertifikat einer Zertifizierungsstelle: das eigene steht zuerst',
  'is not the key of the certificate': 'ist nicht der Schlüssel dieses Zertifikats',
  'is missing: TLS is spoken with its private key': 'fehlt: ohne ihn geht kein TLS',
  'is missing: a certificate signs with its private key': 'fehlt: ohne ihn wird nichts signiert',
  'is missing: verifiers fetch the chain there': 'fehlt: dort holen Prüfende die Kette',
  'tenant "{tenant}" has no certificate "{name}"': 'der Mandant „{tenant}“ hat kein Zertifikat „{name}“',
  '{name} does not have the name {fqdn}; it has {names}': '{name} hat nicht den Namen {fqdn}, sondern {names}',
  'Teams takes no name in onmicrosoft.com: use one in a domain of your own that the Microsoft 365 tenant has verified':
    'Teams nimmt keinen Namen in onmicrosoft.com, nur einen in einer eigenen Domain, die Ihr Microsoft 365 bestätigt hat',
  'no listener has the transport {transport}: add one before a trunk uses it':
    'diese Anlage hört nicht auf {transport}; das fügt erst die Systemverwaltung hinzu',
  'must be digits': 'darf nur Ziffern haben',
  "must be a number such as +14155550160 that is in the trunk's DID pool":
    'muss eine Nummer sein wie +14155550160, aus dem DID-Pool des Trunks',
  "{number} is not in the trunk's DID pool": '{number} liegt nicht im DID-Pool des Trunks',
  '{kind} is already used by the trunk "{trunk}": {reason}': '{kind} hat schon der Trunk „{trunk}“: {reason}',
  'one ip trunk serves a provider; say "anotherAccount: true" for a second account':
    'für einen Anbieter genügt ein Trunk ip; ein zweites Konto dort ist eigens zu nennen (anotherAccount)',
  '{kind} is already used by the trunk "{trunk}"': '{kind} hat schon der Trunk „{trunk}“',
  'the brand {id}': 'die Marke {id}',
  '{host} with the authentication name "{name}"': '{host} mit dem Anmeldenamen „{name}“',
  '{name} is already in use': '{name} ist schon vergeben',
  'is no known field': 'ist kein bekanntes Feld',
  'must be text: quote it, "{text}"': 'muss Text sein: in Anführungszeichen, „{text}“',
  'must be more than {least}': 'muss mehr als {least} sein',
  'true or false': 'true oder false',
  text: 'Text',
  'a map of fields': 'eine Gruppe von Feldern',
  'must be of type {type}': 'muss vom Typ {type} sein',
  '{entry} of tenant "{tenant}" on trunk "{trunk}" overlaps {other} of tenant "{holder}" on trunk "{second}"; both trunks are of one provider':
    '{entry} des Mandanten „{tenant}“ auf dem Trunk „{trunk}“ überschneidet sich mit {other} des Mandanten „{holder}“ auf dem Trunk „{second}“; beide Trunks sind von einem Anbieter',
  '{entry} of tenant "{tenant}" on trunk "{trunk}" overlaps {other} of tenant "{holder}"':
    '{entry} des Mandanten „{tenant}“ auf dem Trunk „{trunk}“ überschneidet sich mit {other} des Mandanten „{holder}“',
  '{entry} holds numbers of another tenant of this provider':
    '{entry} enthält Nummern eines anderen Mandanten dieses Anbieters',
  '{name} is in the domain of tenant "{tenant}"': '{name} liegt in der Domain des Mandanten „{tenant}“',
  '{name} cannot be used': '{name} kann nicht verwendet werden',
  '{option} has no effect: {reason}': '{option} wirkt nicht: {reason}',
  'the trunk does not sign calls (stirShaken)': 'der Trunk signiert keine Anrufe (stirShaken)',
  "the node's configuration names no stir.trustAnchors": 'die Konfiguration der Anlage nennt keine stir.trustAnchors',
  'the trunk is already assigned to "{tenant}"': 'der Trunk ist „{tenant}“ schon zugeteilt',
  'the pool of "{tenant}" is empty: list its numbers or ranges':
    'der Bereich von „{tenant}“ ist leer: tragen Sie Nummern oder Bereiche ein',
  'there is already a trunk with the id {id}': 'es gibt schon einen Trunk mit der Id {id}',
  'tenant "{tenant}" may already use another trunk "{name}"':
    'der Mandant „{tenant}“ darf schon einen anderen Trunk „{name}“ benutzen',
  '{name} is the domain of tenant "{tenant}"; {kind} of its own':
    '{name} ist die Domain des Mandanten „{tenant}“; {kind}',
  'a whatsapp trunk needs a name': 'ein Trunk whatsapp braucht einen eigenen Namen',
  'an accept-register trunk needs a label': 'ein Trunk accept-register braucht einen eigenen Namen',
  'is for ip trunks; others are told apart by their credentials':
    'gibt es nur bei Trunks ip; andere erkennt man an Namen und Passwort',
  'there is no brand "{name}"': 'es gibt keine Marke „{name}“',
  'a trunk needs a host; for {name}: {patterns}': 'ein Trunk braucht einen Server; bei {name}: {patterns}',
  'a {type} trunk belongs to a tenant': 'ein Trunk {type} gehört einem Mandanten',
  'a system trunk has one pool per tenant: put it under tenants':
    'ein Trunk des Systems hat einen Bereich je Mandant: er steht bei den Mandanten',
  'an ip trunk belongs to the system': 'ein Trunk ip gehört dem System',
  'a tenant\'s own trunk cannot be shared; it belongs to "{tenant}"':
    'den eigenen Trunk eines Mandanten teilt niemand; er gehört „{tenant}“',
  'the pool is given twice: at the top level and under tenants':
    'der Bereich steht zweimal da: oben und bei den Mandanten',
  'is for accept-register trunks: other trunks do not sign in here':
    'gibt es nur bei Trunks accept-register: andere melden sich hier nicht an',
  'authName or username is needed': 'ein Name für die Anmeldung fehlt',
  'a password is needed': 'ein Passwort fehlt',
  'is for certificates that sign calls': 'gibt es nur bei Zertifikaten, die Anrufe signieren',
  'is for trunks with transport udp': 'gibt es nur bei Trunks über udp',
  'is for the transport tls': 'gibt es nur bei tls',
  'is for {type} trunks': 'gibt es nur bei Trunks {type}',
  'each leg begins here, with one Via: leave it on': 'jede Seite beginnt hier, mit einem Via: lassen Sie es an',
  'a whatsapp trunk is watched by its access token, not by OPTIONS':
    'ein Trunk whatsapp wird an seinem Zugriffstoken geprüft, nicht durch OPTIONS',
  'needs transport tls': 'geht nur über tls',
  'needs registration on: nothing is registered': 'braucht registration: on; sonst wird nichts angemeldet',
  'needs registration on': 'braucht registration: on',
  'must not exceed expiresSeconds (RFC 4028 §4)': 'darf nicht größer als expiresSeconds sein (RFC 4028 §4)',
  'certificate and key go together': 'Zertifikat und Schlüssel gehören zusammen',
  '{reason} cannot hide the number of an anonymous call: add user, or say options.numberMayShow: true':
    '{reason} kann die Nummer eines anonymen Anrufs nicht verbergen: fügen Sie user hinzu, oder schalten Sie options.numberMayShow ein',
  '{types} on a trunk that is not trusted': '{types} auf einem Trunk, dem nicht vertraut wird,',
  'only {fields} can be removed': 'nur {fields} lassen sich entfernen',
  '{name} that tenant "{tenant}" may use': '{name}, das der Mandant „{tenant}“ benutzen darf',
  '"{entry}" is an empty entry': '„{entry}“ ist ein leerer Eintrag',
  'must not contain control characters (CR, LF, NUL …) or broken Unicode':
    'darf weder Steuerzeichen (CR, LF, NUL …) noch kaputtes Unicode enthalten',
  'must not contain control characters': 'darf keine Steuerzeichen enthalten',
  '"system" is taken: it names the system admin as owner': '„system“ ist vergeben: so heißt die Systemverwaltung',
  'must be a host name or an IP address': 'muss ein Hostname oder eine IP-Adresse sein',
  'must be {most} lower-case hexadecimal digits': 'muss aus {most} hexadezimalen Ziffern bestehen, klein geschrieben',
  "cannot be relayed: routing, dialog, authentication, identity (P-…) and internal headers, and what describes one leg's own peer (User-Agent, Server …), are made anew on each leg":
    'kann nicht weitergereicht werden: was zu Weg, Dialog, Anmeldung und Identität (P-…) gehört, und was eine Seite beschreibt (User-Agent, Server …), entsteht auf jeder Seite neu',
  "must be a header name outside SIP's own working: routing, dialog, authentication, identity (P-…) and internal headers are the engine's":
    'muss ein Kopffeld sein, das SIP nicht selbst braucht: was zu Weg, Dialog, Anmeldung und Identität (P-…) gehört, macht die Anlage',
  'must be the name of a codec as SDP has it, e.g. PCMA or opus':
    'muss ein Codec sein, wie er in SDP heißt, z. B. PCMA oder opus',
  'must be an https URL on port 443 or 8443 without userinfo, query or fragment':
    'muss eine https-URL auf Port 443 oder 8443 sein, ohne Benutzer, Abfrage und Fragment',
  'must be sha256-, sha384- or sha512- and the base64 of that hash of the image':
    'muss sha256-, sha384- oder sha512- und das base64 dieses Hashs des Bildes sein',
  'must have a name or an icon: without either there is nothing to sign':
    'braucht einen Namen oder ein Bild: sonst gibt es nichts zu signieren',
  'must have icon and iconDigest, or neither: a picture is signed by its hash':
    'braucht icon und iconDigest, oder keines: ein Bild wird durch seinen Hash signiert',
  'the rule already has this route over "{trunk}"; a second try of the same call cannot end otherwise':
    'die Regel hat diesen Weg über „{trunk}“ schon; ein zweiter Versuch endet nicht anders',
  'must be a country code without + such as "44"': 'muss eine Landeskennzahl ohne + sein wie „44“',
  'must be * or # and 1 to 7 digits, * or #': 'muss * oder # und 1 bis 7 Ziffern, * oder # sein',
  'must be digits, * and #, perhaps with a + in front': 'darf nur Ziffern, * und # haben, vorn auch +',
  'must be digits, * and #': 'darf nur Ziffern, * und # haben',
  'must not hold digits, +, *, # or control characters':
    'darf keine Ziffern, kein +, *, # und keine Steuerzeichen haben',
  'must be 1 to 64 letters, digits, dots, underscores and hyphens, a letter or digit first':
    'muss 1 bis 64 Buchstaben, Ziffern, Punkte, Unter- und Bindestriche haben, zuerst Buchstabe oder Ziffer',
  'must be "system" or a tenant\'s name': 'muss „system“ oder der Name eines Mandanten sein',
  'must be stir or tls': 'muss stir oder tls sein',
  "{numbers} is not in the certificate's TNAuthList: it may not sign for it":
    '{numbers} steht nicht in der TNAuthList des Zertifikats: es darf nicht dafür signieren',
  '{input} cannot fill a {kind}; use one of {known} or { custom: "…" }':
    '{input} passt nicht in {kind}; nehmen Sie eines von diesen oder einen eigenen Text: {known}',
  'user part': 'einen User-Teil',
  'display name': 'einen Anzeigenamen',
  'host part': 'einen Server-Teil',
  'must be one of {known} or { custom: "…" }': 'muss eines von diesen oder ein eigener Text sein: {known}',
  'is no valid user part of a SIP URI (RFC 3261 §25.1); escape other characters as %HH':
    'ist kein User-Teil einer SIP-URI (RFC 3261 §25.1); andere Zeichen schreibt man als %HH',
  'is no valid host or host:port of a SIP URI (RFC 3261 §25.1)':
    'ist kein Server oder Server:Port einer SIP-URI (RFC 3261 §25.1)',
  'must be 200, 2xx, any or a list of status codes': 'muss 200, 2xx, any oder eine Liste von Statuscodes sein',
  'must be e164, or national and a country code such as "national 49"':
    'muss e164 sein, oder national mit Landeskennzahl wie „national 49“',
  'must be a host name, with a colon and a port where that is not 5061':
    'muss ein Hostname sein, mit Doppelpunkt und Port, wenn der nicht 5061 ist',
  'a teams trunk needs teams.fqdn and teams.certificate': 'ein Trunk teams braucht teams.fqdn und teams.certificate',
  '{name} is an address: Teams answers 403 to an address in Contact; give the name that has it in the DNS':
    '{name} ist eine Adresse: Teams antwortet darauf mit 403; nehmen Sie den Namen, der sie im DNS hat',
  '{name} is a pattern: give one name; the certificate may have a wildcard':
    '{name} ist ein Muster: nehmen Sie einen Namen; nur das Zertifikat darf einen Platzhalter haben',
  '"{name}" is not a full domain name such as sbc1.example.com':
    '„{name}“ ist kein vollständiger Name wie sbc1.example.com',
  'teams.targets says where Teams is': 'wo Teams ist, sagt teams.targets',
  'Teams is spoken to directly': 'mit Teams wird direkt gesprochen',
  'a {type} trunk is of no other brand': 'ein Trunk {type} ist von keiner anderen Marke',
  'Teams asks for a certificate, not for a password': 'Teams verlangt ein Zertifikat, kein Passwort',
  'teams.certificate and teams.fqdn say it': 'das sagen teams.certificate und teams.fqdn',
  'Teams talks SRTP with keys in SDP alone: leave srtp': 'Teams kann nur SRTP mit Schlüsseln in SDP: lassen Sie srtp',
  'Teams calls nobody who does not send OPTIONS': 'Teams ruft niemanden an, der kein OPTIONS sendet',
  'Teams takes one form of it alone': 'Teams nimmt nur eine Form davon',
  'Teams takes teams.fqdn alone': 'Teams nimmt nur teams.fqdn',
  'Teams takes sip URIs alone': 'Teams nimmt nur sip-URIs',
  'Teams takes no number without +': 'Teams nimmt keine Nummer ohne +',
  'calls from Teams are known by its addresses and by teams.fqdn':
    'Anrufe von Teams erkennt man an den Adressen und an teams.fqdn',
  'Via says teams.fqdn': 'in Via steht teams.fqdn',
  '{name} signs calls: name a certificate with use: tls': '{name} signiert Anrufe: nehmen Sie ein Zertifikat für TLS',
  "{name} is the system's: it serves names in the tenant's own domain, {domain}, alone":
    '{name} gehört dem System: es dient nur Namen in der eigenen Domain des Mandanten, {domain}',
  '{name} does not have the name {fqdn}: a wildcard stands for one label, and {names} leaves more than one':
    '{name} hat nicht den Namen {fqdn}: ein Platzhalter steht für einen Teil, und {names} lässt mehr als einen übrig',
  'is not meant for TLS servers (extendedKeyUsage without serverAuth)':
    'ist nicht für TLS-Server gedacht (extendedKeyUsage ohne serverAuth)',
  '{name} is already the name of the trunk "{trunk}"': '{name} ist schon der Name des Trunks „{trunk}“',
  'must be an http or https URL': 'muss eine http- oder https-URL sein',
  'must be https: the access token travels in every request': 'muss https sein: jede Anfrage trägt das Zugriffstoken',
  'whatsapp.number and whatsapp.calls.password say it': 'das sagen whatsapp.number und whatsapp.calls.password',
  'WhatsApp talks SRTP: srtp (SDES) or webrtc (DTLS), as the number is set at Meta':
    'WhatsApp kann nur SRTP: srtp (SDES) oder webrtc (DTLS), wie die Nummer bei Meta eingestellt ist',
  'WhatsApp takes no re-INVITE that would refresh a session':
    'WhatsApp nimmt kein re-INVITE, das eine Sitzung auffrischt',
  'WhatsApp takes one form of it alone': 'WhatsApp nimmt nur eine Form davon',
  'WhatsApp takes sip URIs alone': 'WhatsApp nimmt nur sip-URIs',
  'WhatsApp takes no number without +': 'WhatsApp nimmt keine Nummer ohne +',
  "calls from WhatsApp are known by the number's password": 'Anrufe von WhatsApp erkennt man am Passwort der Nummer',
  // What may not be done, or not now
  'this trunk belongs to the system admin; only its creator may change it':
    'dieser Trunk gehört der Systemverwaltung; nur sie kann ihn ändern',
  'only a tenant admin may configure a {type} trunk; a system admin may see and delete it':
    'nur die Mandantenverwaltung stellt einen Trunk {type} ein; die Systemverwaltung kann ihn sehen und löschen',
  "a tenant admin creates its own tenant's trunks only": 'die Mandantenverwaltung legt nur eigene Trunks an',
  "a tenant admin uploads its own tenant's certificates only":
    'die Mandantenverwaltung lädt nur eigene Zertifikate hoch',
  "a tenant admin's webhook stays its tenant's": 'der Webhook einer Mandantenverwaltung bleibt bei ihrem Mandanten',
  'only a system admin may create an IP trunk': 'einen Trunk ip legt nur die Systemverwaltung an',
  "a tenant's own trunk cannot be shared with other tenants": 'den eigenen Trunk eines Mandanten teilt niemand',
  'only a system admin may say that the numbers of a pool are verified':
    'nur die Systemverwaltung sagt, dass die Nummern eines Bereichs geprüft sind',
  'only a system admin may name certificate files': 'nur die Systemverwaltung nennt Dateien mit Zertifikaten',
  'only a system admin may change {field}': '{field} ändert nur die Systemverwaltung',
  'only a system admin may {what}': 'das darf nur die Systemverwaltung',
  'only a system admin may claim networks wider than /{most}, such as {network}':
    '{network}: Netze weiter als /{most} beansprucht nur die Systemverwaltung',
  '{address} cannot be trusted: a trunk sends from there':
    '{address} kann nicht vertraut werden: von dort sendet ein Trunk',
  '{address} cannot be claimed': '{address} kann nicht beansprucht werden',
  'conflicts with something that belongs to another tenant or to the system':
    'verträgt sich nicht mit etwas, das einem anderen Mandanten oder dem System gehört',
  'this user sees everything and changes nothing': 'dieses Konto sieht alles und ändert nichts',
  'too many wrong tokens from this address': 'zu viele falsche Tokens von dieser Adresse',
  'a valid bearer token is needed': 'ein gültiges Token fehlt',
  "a tenant's document has at most {most} octets": 'das Dokument eines Mandanten hat höchstens {most} Oktette',
  'the resource does not exist any more': 'das gibt es nicht mehr',
  'the resource has changed since it was read; read it again':
    'das hat sich geändert, seit es gelesen wurde; lesen Sie es neu',
  'must be "{name}", as in the path; {reason} cannot be renamed':
    'muss „{name}“ bleiben: es lässt sich nicht umbenennen',
  'must be "{name}", as in the path': 'muss „{name}“ bleiben',
  'must be "{name}"; {reason} cannot be renamed': 'muss „{name}“ bleiben: es lässt sich nicht umbenennen',
  "a trunk's id cannot be changed": 'die Id eines Trunks lässt sich nicht ändern',
  "a webhook's id cannot be changed": 'die Id eines Webhooks lässt sich nicht ändern',
  'the transport {id} shows the certificate {name}: remove it first':
    'der Transport {id} zeigt das Zertifikat {name}: entfernen Sie zuerst ihn',
  'ended at {at}: upload one that is valid': 'ist am {at} abgelaufen: laden Sie ein gültiges hoch',
  '{name} ended at {at}: upload one that is valid': '{name} ist am {at} abgelaufen: laden Sie ein gültiges hoch',
  'others keep changing the same state; try again': 'andere ändern gerade dasselbe; versuchen Sie es noch einmal',
  '{what} is managed by the provisioning file {file}: {reason}': '{what} kommt aus der Datei {file}: {reason}',
  'change it there and reload, or set provisioningMode: seed':
    'ändern Sie es dort und lassen Sie neu einlesen, oder setzen Sie provisioningMode: seed',
  'changes of tenant {tenant} may take {kind}, and have; go on later, or ask a system admin':
    'Änderungen des Mandanten {tenant} dürfen {kind} füllen, und haben es; machen Sie später weiter, oder fragen Sie die Systemverwaltung',
  '{most} bytes of the audit log in an hour (api.auditBytesPerTenant)':
    '{most} Bytes des Protokolls je Stunde (api.auditBytesPerTenant)',
  'the change is refused': 'die Änderung wird abgelehnt',
  '{what} is still referred to by {names}': '{what} wird noch gebraucht von {names}',
  'is still named by {names}': 'wird noch genannt von {names}',
  'refers to {number}': 'nennt {number}',
  'is in row {most} too': 'steht auch in Zeile {most}',
  'the first line must name columns: {names}': 'die erste Zeile muss Spalten nennen: {names}',
  'a file has at most {number} rows': 'eine Datei hat höchstens {number} Zeilen',
  'a file has at most {number} columns': 'eine Datei hat höchstens {number} Spalten',
  'unknown column "{title}"; known are {names}': 'unbekannte Spalte „{title}“; bekannt sind {names}',
  'column "{title}" is there twice': 'die Spalte „{title}“ steht zweimal da',
  'there must be a column "{title}"': 'die Spalte „{title}“ fehlt',
  'has {least} cells where the header has {most}': 'hat {least} Felder, die erste Zeile {most}',
  'say which tenant calls': 'sagen Sie, welcher Mandant anruft',
  'say who calls: an extension or service, or a trunk': 'sagen Sie, wer anruft: Nebenstelle, Dienst oder Trunk',
  'tenant {tenant} has no extension or service {number}':
    'der Mandant {tenant} hat weder Nebenstelle noch Dienst {number}',
  '{number} of {tenant} is disabled: it cannot sign in, so it places no call':
    '{number} von {tenant} ist abgeschaltet: sie kann sich nicht anmelden und ruft niemanden an',
  "trunk {name} is disabled: what it sends is refused as a stranger's":
    'der Trunk {name} ist abgeschaltet: was er sendet, wird wie von Fremden abgelehnt',
  'there is no trunk {name}': 'es gibt keinen Trunk {name}',
  'there is no tenant {name}': 'es gibt keinen Mandanten {name}',
  '{field} has a line end or NUL in its value': '{field} hat ein Zeilenende oder NUL im Wert',
  '{text} is no URI': '{text} ist keine URI',
  'the engine answers it {answer}': 'die Anlage antwortet darauf {answer}',
  'the connection is gone': 'die Verbindung ist weg',
  'the body is not valid JSON': 'der Inhalt ist kein JSON',
  'the request body is too large': 'der Inhalt ist zu groß',
  'the body holds more than {number} values': 'der Inhalt hat mehr als {number} Werte',
  'the body is nested deeper than {number} levels': 'der Inhalt ist tiefer verschachtelt als {number} Ebenen',
  'the request is malformed': 'die Anfrage ist nicht lesbar',
  'the request was refused': 'die Anfrage wurde abgelehnt',
  'an internal error; the log says more': 'ein Fehler der Anlage; mehr steht im Log',
  'a defect behind a write to the store': 'ein Fehler der Anlage nach dem Schreiben in den Speicher',
  'the store did not take it: {reason}': 'der Speicher nahm es nicht: {reason}',
  '{most} {what} wait already; send the next when they are done':
    '{most} warten schon; senden Sie das Nächste, wenn sie fertig sind',
  'tenant {tenant} has {least} {what}, would have {most}, and {kind}':
    'der Mandant {tenant} hat {least}, hätte {most} und {kind}',
  'may have {most} ({setting}): delete what it does not need, or ask a system admin':
    'darf {most} haben ({setting}): löschen Sie, was er nicht braucht, oder fragen Sie die Systemverwaltung',
  'tenant {tenant} has {least} tokens, and may have {most}; revoke one':
    'der Mandant {tenant} hat {least} Tokens und darf {most} haben; widerrufen Sie eines',
  'is before `from`': 'liegt vor dem Anfang',
  'makes more than {most} points': 'ergibt mehr als {most} Punkte',
  'names more than {most}': 'nennt mehr als {most}',
  'must contain a digit': 'muss eine Ziffer enthalten',
  '{reason}; none was opened': '{reason}; keiner wurde geöffnet',
  'it cannot be kept: {reason}': 'er kann nicht behalten werden: {reason}',
  'the removal cannot be kept: {reason}': 'die Entfernung kann nicht behalten werden: {reason}',
  '{name} is in the configuration of this node: take it out of `listen` in {file} and reload':
    '{name} steht in der Konfiguration der Anlage: nehmen Sie ihn dort aus `listen` in {file}, und lassen Sie neu einlesen',
  'the {most} workers of this node share its ports from their start: change `listen` in {file} and restart it':
    'die {most} Worker dieser Anlage teilen sich ihre Ports vom Start an: ändern Sie `listen` in {file}, und starten Sie neu',
  'workers share their ports from the start: name it in `listen`':
    'Worker teilen sich ihre Ports vom Start an: nennen Sie ihn in `listen`',
  '{reason}; repair or remove the file, and restart the node':
    '{reason}; reparieren oder entfernen Sie die Datei, und starten Sie die Anlage neu',
  '{name} is used by {kind} {trunks}: give them another transport or listener first':
    '{name} wird {kind} {trunks} benutzt: dort ist zuerst ein anderer Transport oder Listener zu wählen',
  'the trunk': 'vom Trunk',
  'the trunks': 'von den Trunks',
  'there is already a transport "{id}"': 'es gibt schon einen Transport „{id}“',
  '{host} port {port} is already listened on by "{id}"': 'auf {host} Port {port} hört schon „{id}“',
  'there is no certificate "{name}"': 'es gibt kein Zertifikat „{name}“',
  '"{name}" belongs to a tenant: it must be the system\'s':
    '„{name}“ gehört einem Mandanten: es muss eines des Systems sein',
  '"{name}" signs calls: it must have use: tls': '„{name}“ signiert Anrufe: es muss für TLS sein',
  '"{name}" has ended: renew it first': '„{name}“ ist abgelaufen: erneuern Sie es zuerst',
  '"{id}" of the configuration file has its name or address':
    '„{id}“ aus der Konfigurationsdatei hat seinen Namen oder seine Adresse',
  'transport {id} is done and not there': 'der Transport {id} ist fertig und nicht da',
  'must be an IP address of this machine, or 0.0.0.0 or :: for all':
    'muss eine IP-Adresse dieser Maschine sein, oder 0.0.0.0 oder :: für alle',
  'is missing: TLS is spoken with a certificate of the system (use: tls)':
    'fehlt: TLS braucht ein Zertifikat des Systems (use: tls)',
  '{place} cannot be used: {reason}': '{place} kann nicht verwendet werden: {reason}',
  'the trunk does not register, or is not at rest': 'der Trunk meldet sich nicht an, oder er ist schon dabei',
  'nothing is known of it here, and these nodes do not answer: {names}':
    'hier ist nichts davon bekannt, und diese Knoten antworten nicht: {names}',
  'none of the nodes that were asked has answered': 'keiner der gefragten Knoten hat geantwortet',
  'node {name} does not answer': 'der Knoten {name} antwortet nicht',
  'this interface is not served under that name; add it to api.hosts':
    'unter diesem Namen wird nichts gezeigt; fügen Sie ihn api.hosts hinzu',
  'at most {most} requests per minute; try again in {time}': 'höchstens {most} Anfragen je Minute; weiter in {time}',
  // Signing in
  'too many sign-ins at once; try again': 'zu viele Anmeldungen auf einmal; versuchen Sie es noch einmal',
  'too many sign-ins from this address at once; try again':
    'zu viele Anmeldungen von dieser Adresse auf einmal; versuchen Sie es noch einmal',
  'too many failed sign-ins from this address; try again in a minute':
    'zu viele falsche Anmeldungen von dieser Adresse; in einer Minute geht es wieder',
  'the code of the authenticator app is needed too': 'auch der Code der Authenticator-App fehlt',
  'this link was used or is too old; ask for a new one':
    'dieser Link wurde benutzt oder ist zu alt; holen Sie einen neuen',
  'what ends by itself cannot open a session': 'was von selbst endet, öffnet keine Sitzung',
  'a sign-in starts on a page of this interface': 'eine Anmeldung beginnt auf einer Seite dieser Konsole',
  "a change by a browser needs the session's {header}; see GET /api/v1/session":
    'eine Änderung im Browser braucht {header} der Sitzung; laden Sie die Seite neu',
  'no sign-in of this browser is under way': 'in diesem Browser ist keine Anmeldung im Gange',
  'the provider sent no ID token': 'der Anbieter sandte kein ID-Token',
  'its {name} has none of console.oidc.roles': 'sein {name} hat keine von console.oidc.roles',
  'it has no claim {name}': 'es hat keinen Claim {name}',
  '{name} may do nothing here: there is no tenant {tenant}':
    '{name} darf hier nichts: es gibt keinen Mandanten {tenant}',
  '{name} may do nothing here: {reason}': '{name} darf hier nichts: {reason}',
  'the provider says {text}': 'der Anbieter sagt {text}',
  // Users, tokens, webhooks
  'must have at most {most} characters': 'darf höchstens {most} Zeichen haben',
  'a token that ends cannot make a user': 'ein Token, das endet, legt kein Konto an',
  'a token that ends cannot change a user': 'ein Token, das endet, ändert kein Konto',
  'a token cannot make one that outlives it': 'ein Token macht keines, das länger gilt',
  'nobody deletes the user that it is signed in as': 'niemand löscht das eigene Konto',
  'nobody changes what the own user may do': 'niemand ändert, was das eigene Konto darf',
  'only whoever is signed in as this user may do this': 'das darf nur, wer als dieses Konto angemeldet ist',
  'the user has changed meanwhile; read it again': 'das Konto hat sich inzwischen geändert; lesen Sie es neu',
  'an authenticator app is set up; take it away first':
    'eine Authenticator-App ist eingerichtet; entfernen Sie erst diese',
  'begin to set up an authenticator app first': 'richten Sie zuerst eine Authenticator-App ein',
  'must not contain credentials; check the signature instead':
    'darf keinen Namen und kein Passwort enthalten; prüfen Sie stattdessen die Signatur',
  // What there is, and what is there already
  'trustedAddresses of extension {number}: {reason}': 'trustedAddresses der Nebenstelle {number}: {reason}',
  'there is already a {kind} "{name}"': 'es gibt schon: {kind} „{name}“',
  '{kind} does not exist': '{kind} gibt es nicht',
  '{kind} exists already': '{kind} gibt es schon',
  'extension {id}': 'Nebenstelle {id}',
  'service {id}': 'Dienst {id}',
  'group {id}': 'Gruppe {id}',
  'outbound rule {id}': 'ausgehende Regel {id}',
  'inbound rule {id}': 'eingehende Regel {id}',
  'tenant {id}': 'Mandant {id}',
  'trunk {id}': 'Trunk {id}',
  'certificate {id}': 'Zertifikat {id}',
  'transport {id}': 'Transport {id}',
  'user {id}': 'Konto {id}',
  'token {id}': 'Token {id}',
  'webhook {id}': 'Webhook {id}',
  'brand {id}': 'Marke {id}',
  'node {id}': 'Knoten {id}',
  'call {id}': 'Anruf {id}',
  'call record {id}': 'Anrufsatz {id}',
  'trace of {id}': 'Mitschnitt von {id}',
  'assignment of {id}': 'Zuteilung an {id}',
  'the assignment to {id}': 'die Zuteilung an {id}',
};
