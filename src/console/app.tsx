import { useEffect, useState } from 'preact/hooks';
import { reachable } from './client/http.ts';
import { language } from './client/preferences.ts';
import { ended, readSession, session } from './client/session.ts';
import { useSignal } from './client/signal.ts';
import { FirstRun } from './pages/first-run.tsx';
import { NAVIGATION, PAGES } from './pages/index.ts';
import { NotFound } from './pages/not-found.tsx';
import { SignIn, SignInAgain } from './pages/sign-in.tsx';
import { match, navigate, usePath } from './router.tsx';
import { Shell } from './shell.tsx';
import { t } from './text/index.ts';
import { Note } from './ui/note.tsx';
import { Toasts } from './ui/toast.tsx';

export function App() {
  const current = useSignal(session);
  const isReachable = useSignal(reachable);
  const hasEnded = useSignal(ended);
  const words = useSignal(language);
  const { path } = usePath();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    if (current !== undefined || !isReachable) return;
    readSession().then(
      () => setFailure(undefined),
      (error: Error) => setFailure(error.message),
    );
  }, [current, isReachable]);
  if (current === undefined) {
    return (
      <main class="gate">
        {failure === undefined ? (
          <p class="soft">{t('app.loading')}</p>
        ) : (
          <Note kind="warn">{t('app.unreachable')}</Note>
        )}
      </main>
    );
  }
  if (!current.signedIn) return current.firstRun && path !== '/sign-in' ? <FirstRun /> : <SignIn />;
  return (
    <Shell key={words} navigation={NAVIGATION}>
      <CurrentPage path={path} />
      {hasEnded ? <SignInAgain /> : null}
      <Toasts />
    </Shell>
  );
}

function CurrentPage({ path }: { readonly path: string }) {
  useEffect(() => {
    if (path === '' || path === '/sign-in') navigate('/trunks', 'replace');
  }, [path]);
  for (const { pattern, page: CurrentOne } of PAGES) {
    const found = match(pattern, path);
    if (found !== undefined) return <CurrentOne key={path} {...found} />;
  }
  return path === '' || path === '/sign-in' ? null : <NotFound />;
}
