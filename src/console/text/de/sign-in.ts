export const signIn = {
  'signIn.title': 'Anmelden',
  'signIn.code': 'Code Ihrer Authentifizierungs-App',
  'signIn.codeHelp': 'Sechs Ziffern; alle 30 Sekunden ein neuer.',
  'signIn.failed': 'Sie sind nicht angemeldet',
  'signIn.forgot':
    'Vergessen? Eine andere Verwalterin setzt ein neues, oder wer die Maschine besitzt: tandem users password NAME',
  'signIn.link': 'Anmeldung läuft …',
  'signIn.with': 'Anmelden mit {name}',
  'signIn.oidc.unreachable':
    'Der Anmeldedienst antwortet nicht, wie er sollte. Versuchen Sie es noch einmal; bleibt es so, steht der Grund im Log des Knotens.',
  'signIn.oidc.wrong-issuer': 'Der Anmeldedienst nennt sich anders, als er hier bekannt ist (console.oidc.issuer).',
  'signIn.oidc.clock': 'Die Uhren dieses Knotens und des Anmeldedienstes gehen verschieden. Eine davon ist zu stellen.',
  'signIn.oidc.no-role':
    'Der Anmeldedienst kennt Sie, aber nichts von dem, was er über Sie sagt, gibt Ihnen hier eine Rolle. Bitten Sie seine Verwaltung darum.',
  'signIn.oidc.cancelled': 'Sie haben der Anmeldung nicht zugestimmt.',
  'signIn.oidc.expired':
    'Diese Anmeldung hat zu lange gedauert oder in einem anderen Browser begonnen. Beginnen Sie noch einmal.',
  'signIn.oidc.refused': 'Die Antwort des Anmeldedienstes ist nicht gut. Der Grund steht im Log des Knotens.',
  'signIn.again': 'Noch einmal anmelden',
  'signIn.againText': 'Ihre Sitzung ist zu Ende. Die Seite dahinter bleibt, wie sie ist.',
  'firstRun.title': 'Willkommen bei tandem',
  'firstRun.text': 'Noch kann sich niemand anmelden. Legen Sie die erste Systemverwaltung an: sich selbst.',
  'firstRun.token': 'Besitzer-Token',
  'firstRun.tokenHelp':
    'Zeigt, dass die Maschine Ihnen gehört. Es steht in der Datei owner-token im Ordner des Speichers (data/owner-token), die nur ihr Besitzer lesen kann.',
  'firstRun.wrongToken': 'ist nicht das Token, das jetzt in der Datei steht',
  'firstRun.user': 'Ihr Name zum Anmelden',
  'firstRun.userHelp': 'Eine Mailadresse eignet sich gut.',
  'firstRun.passwordHelp': 'Mindestens 12 Zeichen. Einige Wörter sind leicht zu merken und schwer zu raten.',
  'firstRun.repeat': 'Passwort noch einmal',
  'firstRun.differs': 'ist nicht dasselbe wie oben',
  'firstRun.submit': 'Erste Verwaltung anlegen',
};
