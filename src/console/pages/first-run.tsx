import { RequestError } from '../client/http.ts';
import { sessions, users } from '../client/resources.ts';
import { enter } from '../client/session.ts';
import { t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { FaultSummary, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { ByProvider, Gate } from './sign-in.tsx';

/** Whoever is not known has typed another token. */
function ofToken(error: RequestError): never {
  if (error.code !== 'unauthenticated') throw error;
  const message = t('firstRun.wrongToken');
  throw new RequestError(error.status, error.code, message, [{ code: error.code, path: 'token', message }]);
}

/** An engine that nobody can sign in to: the owner of the machine makes the first admin. */
export function FirstRun() {
  const form = useForm(
    { token: '', id: '', password: '', repeat: '' },
    {
      token: t('firstRun.token'),
      id: t('firstRun.user'),
      password: t('field.password'),
      repeat: t('firstRun.repeat'),
    },
  );
  const { token, id, password, repeat } = form.values;
  const submit = () => {
    if (password !== repeat) {
      form.setFaults([{ code: 'differs', path: 'repeat', message: t('firstRun.differs') }]);
      return;
    }
    void form.run(async () => {
      await users.createFirst({ id, role: 'system-admin', password }, token.trim()).catch(ofToken);
      enter(await sessions.signIn({ user: id, password }));
    });
  };
  return (
    <Gate title={t('firstRun.title')} wide>
      <SubmitForm class="card form" onSubmit={submit}>
        <h1>{t('firstRun.title')}</h1>
        <p>{t('firstRun.text')}</p>
        <FaultSummary faults={form.faults} fields={form.labels} />
        <TextField help={t('firstRun.tokenHelp')} {...form.field('token')} type="password" autofocus required />
        <TextField
          help={t('firstRun.userHelp')}
          name="username"
          autocomplete="username"
          {...form.field('id')}
          required
        />
        <div class="fields">
          <TextField
            help={t('firstRun.passwordHelp')}
            type="password"
            autocomplete="new-password"
            {...form.field('password')}
            required
          />
          <TextField type="password" autocomplete="new-password" {...form.field('repeat')} required />
        </div>
        <Button label={t('firstRun.submit')} kind="primary" type="submit" busy={form.busy} />
      </SubmitForm>
      <ByProvider />
    </Gate>
  );
}
