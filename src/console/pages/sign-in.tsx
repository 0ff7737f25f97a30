import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { RequestError } from '../client/http.ts';
import { sessions } from '../client/resources.ts';
import { enter, session } from '../client/session.ts';
import { useSignal } from '../client/signal.ts';
import { navigate, usePath } from '../router.tsx';
import { t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { FaultSummary, type faultsOf, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { Mark } from '../ui/mark.tsx';
import { Note } from '../ui/note.tsx';

export function Gate({
  title,
  wide = false,
  children,
}: {
  title: string;
  wide?: boolean;
  children: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
  return (
    <main class="gate">
      <div class={wide ? 'gate-box gate-wide' : 'gate-box'}>
        <p class="gate-brand">
          <Mark />
          {t('app.name')}
        </p>
        {children}
      </div>
    </main>
  );
}

export function SignIn() {
  const { path } = usePath();
  const [link, setLink] = useState(() => linkCode());
  const form = useForm({});
  useEffect(() => {
    if (link === undefined) return;
    // It stands in the address no longer than needed.
    history.replaceState(null, '', window.location.pathname);
    void form
      .run(async () => {
        enter(await sessions.signIn({ link }));
        if (path === '/sign-in') navigate('/trunks', 'replace');
      })
      .then((done) => {
        if (!done) setLink(undefined);
      });
  }, []);
  return (
    <Gate title={t('signIn.title')}>
      <section class="card stack">
        <h1>{t('signIn.title')}</h1>
        {link === undefined ? <SignInForm faults={form.faults} /> : <p>{t('signIn.link')}</p>}
        {link === undefined ? <ByProvider /> : null}
      </section>
      <p class="small soft">{t('signIn.forgot')}</p>
    </Gate>
  );
}

/** Why the identity provider's answer signed nobody in: a word that this page has a sentence for. */
const REFUSALS = ['unreachable', 'wrong-issuer', 'clock', 'no-role', 'cancelled', 'expired', 'refused'] as const;

function refusal(): (typeof REFUSALS)[number] | undefined {
  const word = /^#oidc=([a-z-]+)$/.exec(window.location.hash)?.[1];
  return REFUSALS.find((each) => each === word);
}

/** The way over an identity provider, where there is one; `apart`: in a window of its own, so that this page stays. */
export function ByProvider({ apart = false }: { readonly apart?: boolean }) {
  const provider = useSignal(session)?.provider;
  const why = apart ? undefined : refusal();
  return (
    <>
      {why === undefined ? null : <Note kind="warn">{t(`signIn.oidc.${why}`)}</Note>}
      {provider === undefined ? null : (
        <a class="button button-wide" href="/console/oidc/start" {...(apart && { target: '_blank', rel: 'noopener' })}>
          {t('signIn.with', { name: provider })}
        </a>
      )}
    </>
  );
}

function linkCode(): string | undefined {
  return /^#link=([\w-]+)$/.exec(window.location.hash)?.[1];
}

/** Over the page that somebody is at: what was typed there stays. */
export function SignInAgain() {
  useEffect(() => {
    // Somebody may have signed in in another window meanwhile.
    const look = () =>
      void sessions.get().then(
        (next) => next.signedIn && enter(next),
        () => {},
      );
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, []);
  return (
    <Dialog title={t('signIn.again')}>
      <div class="stack">
        <p>{t('signIn.againText')}</p>
        <SignInForm name={session.value?.user ?? ''} />
        <ByProvider apart />
      </div>
    </Dialog>
  );
}

function SignInForm({ name = '', faults = [] }: { name?: string; faults?: ReturnType<typeof faultsOf> }) {
  const form = useForm({ user: name, password: '', code: '' });
  const [needsCode, setNeedsCode] = useState(false);
  const { user, password, code } = form.values;
  const submit = () =>
    form.run(async () => {
      try {
        enter(await sessions.signIn({ user, password, ...(needsCode ? { code } : {}) }));
      } catch (error) {
        if (!(error instanceof RequestError) || error.code !== 'code-needed') throw error;
        setNeedsCode(true);
      }
    });
  return (
    <SubmitForm onSubmit={submit}>
      <FaultSummary faults={form.faults.length > 0 ? form.faults : faults} title={t('signIn.failed')} />
      <TextField
        label={t('field.name')}
        name="username"
        autocomplete="username"
        value={user}
        onInput={(value) => form.set('user', value)}
        autofocus={name === ''}
        required
      />
      <TextField
        label={t('field.password')}
        name="password"
        type="password"
        autocomplete="current-password"
        value={password}
        onInput={(value) => form.set('password', value)}
        autofocus={name !== ''}
        required
      />
      {needsCode ? (
        <TextField
          label={t('signIn.code')}
          help={t('signIn.codeHelp')}
          autocomplete="one-time-code"
          inputMode="numeric"
          value={code}
          onInput={(value) => form.set('code', value)}
          autofocus
          required
        />
      ) : null}
      <Button label={t('signIn.title')} kind="primary" type="submit" wide busy={form.busy} />
    </SubmitForm>
  );
}
