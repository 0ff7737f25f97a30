/**
 * What the engine says of how a trunk is, in its words, and in German: the reasons of its state, what the doctor finds, and its advice.
 * Names in braces stand for what differs; what `reason` stands for is looked up here, too. The first that fits counts. The words of a
 * provider stay as they are.
 */
export const findings: Readonly<Record<string, string>> = {
  disabled: 'abgeschaltet',
  online: 'erreichbar',
  offline: 'nicht erreichbar',
  rejected: 'abgelehnt',
  registering: 'meldet sich an',
  unknown: 'unbekannt',
  'not asked yet': 'noch nicht gefragt',
  'not asked: keep-alive is off': 'nicht gefragt: Keep-alive ist aus',
  'not located yet': 'noch nicht gefunden',
  'no target': 'kein Ziel',
  'no capacity': 'kein Platz',
  'not sendable': 'nicht zu senden',
  'the node has ended': 'der Knoten ist beendet',
  'by the DNS another trunk is of the same provider, and holds numbers of {kind} for another tenant; whoever had the address first keeps the calls':
    'nach dem DNS ist ein anderer Trunk vom selben Anbieter und hat Nummern aus {kind} für einen anderen Mandanten; wer die Adresse zuerst hatte, behält die Anrufe',
  'a pool of this one': 'einem Bereich von diesem',
  'egress: {address} is no address': 'egress: {address} ist keine Adresse',
  'egress: {address} port {port} is this engine itself': 'egress: {address} Port {port} ist diese Anlage selbst',
  "egress: {address} is not a public address ({kind}); {setting} of the node's configuration can admit it":
    'egress: {address} ist keine öffentliche Adresse ({kind}); {setting} in der Konfiguration der Anlage kann sie zulassen',
  '{text} is no address and no network': '{text} ist weder Adresse noch Netz',
  'a metadata service': 'ein Metadaten-Dienst',
  'there is no target': 'es gibt kein Ziel',
  'options.listener: there is no {transport} listener "{name}" on this node':
    'options.listener: diese Anlage hat keinen Listener „{name}“ für {transport}',
  'certificate {name} ended at {at}': 'Zertifikat {name} ist am {at} abgelaufen',
  'certificate {name} begins at {at}': 'Zertifikat {name} gilt erst ab {at}',
  'asked to try again': 'soll es noch einmal versuchen',
  'another node registers this trunk': 'ein anderer Knoten meldet diesen Trunk an',
  'the registration lapsed': 'die Anmeldung ist ausgelaufen',
  'a defect': 'ein Fehler der Anlage',
  'the connection was lost': 'die Verbindung ging verloren',
  'asked to wait': 'soll warten',
  '{most} calls in progress': '{most} Anrufe im Gange',
  'the carrier says {reason}': 'der Anbieter sagt {reason}',
  'connection lost': 'Verbindung verloren',
  'closed by the peer': 'von der Gegenseite geschlossen',
  'connection refused': 'Verbindung abgewiesen',
  'connection reset by the peer': 'von der Gegenseite abgebrochen',
  'connection ended while it was set up': 'Verbindung brach beim Aufbau ab',
  'connection not set up in time': 'Verbindung kam nicht rechtzeitig zustande',
  'connection and TLS handshake not set up in time': 'Verbindung und TLS kamen nicht rechtzeitig zustande',
  'the peer stopped answering pings': 'die Gegenseite antwortet nicht mehr auf Pings',
  'the peer does not read what we send': 'die Gegenseite liest nicht, was gesendet wird',
  'too much waits for the connection': 'zu viel wartet auf die Verbindung',
  'its place was needed': 'der Platz wurde gebraucht',
  'message not completed in time': 'Nachricht nicht rechtzeitig vollständig',
  'no message in time': 'keine Nachricht in der Zeit',
  'no memory for what unknown addresses send': 'kein Speicher für das, was unbekannte Adressen senden',
  'no answer': 'keine Antwort',
  'its gateway is registered': 'das Gateway ist angemeldet',
  'its gateway is registered at another node': 'das Gateway ist an einem anderen Knoten angemeldet',
  'its gateway is not registered': 'das Gateway ist nicht angemeldet',
  'nothing listens for {transport}': 'diese Anlage hört nicht auf {transport}',
  'registered for {seconds} s': 'angemeldet für {seconds} s',
  'registered for 0 seconds': 'nur für 0 Sekunden angemeldet',
  'asked to wait {seconds} s': 'soll {seconds} s warten',
  'the trunk is enabled': 'der Trunk ist eingeschaltet',
  'the trunk is disabled': 'der Trunk ist ausgeschaltet',
  'set enabled: true': 'schalten Sie ihn ein',
  '{host} is at {addresses}': '{host} ist {addresses}',
  '{host} could not be located: {reason}': '{host} ist nicht zu finden: {reason}',
  'the DNS has no address for it': 'das DNS hat keine Adresse dafür',
  'check the name, and that the servers of `dns.servers` know it':
    'prüfen Sie den Namen, und ob die Server unter `dns.servers` ihn kennen',
  'list in `associatedIps` where calls in come from, unless that is the proxy':
    'tragen Sie als weitere Adressen ein, woher Anrufe kommen, wenn das nicht der Proxy ist',
  'the system admin may add the network to egress.allow of the node':
    'die Systemverwaltung kann das Netz unter egress.allow der Anlage zulassen',
  '{name} ended at {at}': '{name} ist am {at} abgelaufen',
  '{name} begins at {at}': '{name} gilt erst ab {at}',
  '{name} ends at {at}': '{name} läuft am {at} ab',
  '{name} is valid until {at}': '{name} gilt bis {at}',
  'replace the file and reload': 'ersetzen Sie die Datei, und lassen Sie neu einlesen',
  'upload a new one under the same name': 'laden Sie ein neues unter demselben Namen hoch',
  "check the machine's clock": 'prüfen Sie die Uhr der Maschine',
  'this node has no TLS': 'diese Anlage hat kein TLS',
  '{protocol}, {cipher}; its certificate has {names} until {at}':
    '{protocol}, {cipher}; sein Zertifikat hat {names} bis {at}',
  "name the authority in tls.ca, or add it to the machine's":
    'nennen Sie die Zertifizierungsstelle unter tls.ca, oder fügen Sie sie denen der Maschine hinzu',
  'the host, or tls.serverName, must be a name in the certificate; tls.allowWildcard takes one with a wildcard':
    'der Server, oder tls.serverName, muss ein Name im Zertifikat sein; tls.allowWildcard lässt auch eines mit Platzhalter zu',
  'the peer does not take the certificate that is shown: its name, its end, and whether its chain is whole':
    'die Gegenseite nimmt das gezeigte Zertifikat nicht: prüfen Sie Namen, Ablauf und ob die Kette vollständig ist',
  'check port and transport': 'prüfen Sie Port und Transport',
  'check host and port, and whether a firewall lets the connection through':
    'prüfen Sie Server und Port, und ob eine Firewall die Verbindung durchlässt',
  'wrong name in the certificate': 'falscher Name im Zertifikat',
  'certificate expired': 'das Zertifikat ist abgelaufen',
  'certificate not yet valid': 'das Zertifikat gilt noch nicht',
  'untrusted certificate: self-signed': 'dem Zertifikat wird nicht vertraut: selbst signiert',
  'untrusted certificate: its root is no trust anchor here':
    'dem Zertifikat wird nicht vertraut: die Zertifizierungsstelle ist hier unbekannt',
  'untrusted certificate: issuer unknown': 'dem Zertifikat wird nicht vertraut: Aussteller unbekannt',
  'certificate revoked': 'das Zertifikat ist widerrufen',
  'certificate not meant for this use (extended key usage)':
    'das Zertifikat ist nicht dafür gedacht (extendedKeyUsage)',
  'certificate signature wrong': 'die Signatur des Zertifikats ist falsch',
  'certificate refused: {code}': 'Zertifikat abgelehnt: {code}',
  'no client certificate': 'kein Client-Zertifikat',
  'no common cipher, or the peer wants a client certificate':
    'keine gemeinsame Verschlüsselung, oder die Gegenseite will ein Zertifikat sehen',
  'no common TLS version': 'keine gemeinsame TLS-Version',
  'expected {name}, the certificate says {names}': 'erwartet war {name}, im Zertifikat steht {names}',
  'closed by the peer after the handshake: it refuses our certificate, or wants one':
    'die Gegenseite hat nach der Begrüßung geschlossen: sie lehnt unser Zertifikat ab oder will eines',
  'no handshake in {seconds} s': 'keine Begrüßung in {seconds} s',
  'the peer says our certificate expired': 'die Gegenseite sagt, unser Zertifikat ist abgelaufen',
  'the peer does not trust our certificate': 'die Gegenseite vertraut unserem Zertifikat nicht',
  'the peer refuses our certificate': 'die Gegenseite lehnt unser Zertifikat ab',
  'the peer wants a client certificate': 'die Gegenseite will ein Zertifikat sehen',
  'the peer does not speak TLS': 'die Gegenseite spricht kein TLS',
  'handshake not completed in time': 'die Verbindung kam nicht rechtzeitig zustande',
  'connection reset during the handshake': 'die Gegenseite hat die Verbindung abgebrochen',
  'registered at {server} for {seconds} s': 'angemeldet bei {server} für {seconds} s',
  'another node registers the trunk': 'ein anderer Knoten meldet den Trunk an',
  'check authName and password with the provider, then have it tried again (POST …/retry)':
    'vergleichen Sie Namen und Passwort mit dem Anbieter, und lassen Sie es dann auf der Seite des Trunks noch einmal versuchen',
  'the first REGISTER leaves within ten seconds: look again then':
    'das erste REGISTER geht in den nächsten zehn Sekunden hinaus: prüfen Sie dann noch einmal',
  'the provider does not answer REGISTER: see DNS, TLS and OPTIONS':
    'der Anbieter antwortet nicht auf REGISTER: sehen Sie bei DNS, TLS und OPTIONS nach',
  'the gateway is registered': 'das Gateway ist angemeldet',
  'the gateway is not registered': 'das Gateway ist nicht angemeldet',
  'its SIP domain is {domain}, its outbound proxy this node, its user {user}':
    'dort einzutragen: SIP-Domain {domain}, als Outbound-Proxy diese Anlage, Benutzer {user}',
  'the trunk has no number at WhatsApp': 'der Trunk hat keine Nummer bei WhatsApp',
  'give it `whatsapp` settings': 'geben Sie ihm die Einstellungen für WhatsApp',
  'WhatsApp takes the access token': 'WhatsApp nimmt das Zugriffstoken an',
  'make a system user token with whatsapp_business_messaging at Meta, and check phoneNumberId and apiBase':
    'machen Sie bei Meta ein Token eines Systembenutzers mit whatsapp_business_messaging, und prüfen Sie phoneNumberId und apiBase',
  'no answer{why}': 'keine Antwort{why}',
  'check host, port and firewall': 'prüfen Sie Server, Port und Firewall',
  '{answer} after {ms} ms': '{answer} nach {ms} ms',
  'add {name} in the Teams admin center (Voice, Direct Routing); its domain must be verified':
    'fügen Sie {name} im Teams Admin Center hinzu (Voice, Direct Routing); die Domain muss bestätigt sein',
  'see https://status.office.com; the other datacentres are tried meanwhile':
    'siehe https://status.office.com; inzwischen werden die anderen Rechenzentren versucht',
  'have the provider admit the address that this node sends from':
    'lassen Sie den Anbieter die Adresse zulassen, von der diese Anlage sendet',
  'calls may work all the same: options.keepAlive.accept says which answers count as alive':
    'Anrufe können trotzdem gehen: options.keepAlive.accept sagt, welche Antworten als erreichbar zählen',
  '{kind} since {at}: {reason}': '{kind} seit {at}: {reason}',
  'see what failed above; calls take other routes meanwhile':
    'sehen Sie oben, was falsch ist; Anrufe nehmen inzwischen andere Wege',
  '{up} of {all} media relays answer': '{up} von {all} Medien-Relays antworten',
  'no media relay answers': 'kein Medien-Relay antwortet',
  'start rtpengine again: {urls}': 'starten Sie rtpengine wieder: {urls}',
  'media: {mode} needs a media relay, and the node has none':
    'media: {mode} braucht ein Medien-Relay, und diese Anlage hat keines',
  'start rtpengine and name it in mediaRelays (docs/media.md)':
    'starten Sie rtpengine, und nennen Sie es unter mediaRelays (docs/media.md)',
  'calls are routed both ways': 'Anrufe gehen in beide Richtungen',
  'no {reason} rule has the trunk': '{reason} Regel nennt den Trunk',
  outbound: 'keine ausgehende',
  inbound: 'keine eingehende',
  'outbound and no inbound': 'weder eine ausgehende noch eine eingehende',
  'make one, unless that is meant': 'legen Sie eine an, wenn das nicht so gemeint ist',
};
