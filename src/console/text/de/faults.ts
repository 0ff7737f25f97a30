/**
 * What the engine says of faults, in its words, and in German: those that an admin meets most. Names in braces stand for what differs;
 * what `kind` and `found` stand for is looked up here, too. The first that fits counts.
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
  'must be digits, * and #, or a +': 'darf nur Ziffern, *, # oder ein + haben',
  'must be digits, * and # with an optional leading +': 'darf nur Ziffern, * und # haben, vorn auch +',
  'must be a number or a range such as "101-199"': 'muss eine Nummer oder ein Bereich sein wie „101-199“',
  'the range is reversed: its first number must not exceed its last':
    'der Bereich steht verkehrt herum: zuerst die kleinere Nummer',
  'must be a host name, an IPv4 address or an IPv6 address; a port has its own field':
    'muss ein Hostname oder eine IP-Adresse sein; der Port hat ein eigenes Feld',
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
  '{name} is already used by the trunk "{trunk}"': '{name} hat schon der Trunk „{trunk}“',
  '{name} is already in use': '{name} ist schon vergeben',
};
