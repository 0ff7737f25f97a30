export const signIn = {
  'signIn.title': 'Sign in',
  'signIn.code': 'Code of your authenticator app',
  'signIn.codeHelp': 'Six digits; a new code every 30 seconds.',
  'signIn.failed': 'You are not signed in',
  'signIn.forgot': 'Forgot it? Another admin sets a new one, or the owner of the machine: tandem users password NAME',
  'signIn.link': 'Signing in …',
  'signIn.with': 'Sign in with {name}',
  'signIn.oidc.unreachable':
    'The identity provider does not answer as it should. Try again; if it lasts, the log of the node says why.',
  'signIn.oidc.wrong-issuer':
    'The identity provider calls itself by another name than it is known by here (console.oidc.issuer).',
  'signIn.oidc.clock': 'The clocks of this node and of the identity provider differ. One of them has to be set right.',
  'signIn.oidc.no-role':
    'The identity provider knows you, but nothing of what it says of you gives you a role here. Ask who looks after it for one.',
  'signIn.oidc.cancelled': 'You have not agreed to sign in.',
  'signIn.oidc.expired': 'This sign-in took too long, or began in another browser. Begin again.',
  'signIn.oidc.refused': 'The answer of the identity provider is not good. The log of the node says why.',
  'signIn.again': 'Sign in again',
  'signIn.againText': 'Your session has ended. The page behind this stays as it is.',
  'firstRun.title': 'Welcome to tandem',
  'firstRun.text': 'Nobody can sign in yet. Make the first system admin: that is you.',
  'firstRun.token': 'Owner token',
  'firstRun.tokenHelp':
    'Proves that this machine is yours. It stands in the file owner-token in the folder of the store (data/owner-token), which only its owner can read.',
  'firstRun.wrongToken': 'is not the token that the file has now',
  'firstRun.user': 'Your name to sign in with',
  'firstRun.userHelp': 'A mail address does well.',
  'firstRun.passwordHelp': 'At least 12 characters. A few words are easy to keep and hard to guess.',
  'firstRun.repeat': 'Password once more',
  'firstRun.differs': 'is not the same as above',
  'firstRun.submit': 'Make the first admin',
};
