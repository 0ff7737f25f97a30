/** The page of one document that is there: which file owns it, its form, and the question before it goes for good. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { documents } from '../../client/resources.ts';
import type { Read } from '../../client/types.ts';
import type { QueryState } from '../../client/use-query.ts';
import { navigate } from '../../router.tsx';
import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { Confirm } from '../../ui/dialog.tsx';
import { Note } from '../../ui/note.tsx';
import { Page } from '../../ui/page.tsx';
import { say } from '../../ui/toast.tsx';
import { DeleteDialog } from '../delete-dialog.tsx';
import { DocumentForm, type DocumentFormProps } from './document-form.tsx';

interface DocumentPageProps extends Pick<DocumentFormProps, 'form' | 'tenant' | 'planned' | 'mayEdit'> {
  /** Behind `/api/v1`. */
  readonly path: string;
  readonly read: Read;
  readonly reload: QueryState<Read>['reload'];
  readonly name: string;
  readonly title?: string;
  readonly text: string;
  readonly up: { readonly to: string; readonly label: string } | undefined;
  /** The page where one is once it is gone. */
  readonly list: string;
  readonly onCancel?: () => void;
  readonly mayDelete?: boolean;
  /** What the question before it goes says beside its name: which calls would have left differently, or a text. */
  readonly deletion: { readonly plans: boolean } | { readonly text: string };
  /** Above the form. */
  readonly children?: ComponentChildren;
}

export function DocumentPage(props: DocumentPageProps) {
  const { path, read, reload, name, title = name, text, up, list, deletion, children, ...form } = props;
  const { mayEdit, mayDelete = mayEdit, onCancel = () => navigate(list), ...rest } = form;
  const [deleting, setDeleting] = useState(false);
  const managedBy = read.document['managedBy'] as string | undefined;
  const isOurs = managedBy === undefined;
  const asked = {
    onClose: () => setDeleting(false),
    onDone: () => {
      say(t('provisioning.deleted', { name }));
      navigate(list, 'replace');
    },
  };
  return (
    <Page
      title={title}
      text={text}
      {...(up && { up })}
      actions={
        mayDelete && isOurs ? (
          <Button label={t('action.delete')} kind="danger-quiet" onClick={() => setDeleting(true)} />
        ) : undefined
      }
    >
      <div class="stack">
        {isOurs ? null : <Note kind="info">{t('provisioning.managed', { file: managedBy })}</Note>}
        {children}
        <DocumentForm
          {...rest}
          {...read}
          isNew={false}
          mayEdit={mayEdit && isOurs}
          save={(wanted, tag) => documents.replace(path, wanted, tag)}
          readAgain={() => documents.get(path)}
          onSaved={() => {
            say(t('provisioning.saved', { name }));
            reload();
          }}
          onCancel={onCancel}
        />
      </div>
      {!deleting ? null : 'plans' in deletion ? (
        <DeleteDialog path={path} name={name} plans={deletion.plans} {...asked} />
      ) : (
        <Confirm
          title={t('provisioning.delete', { name })}
          text={deletion.text}
          action={t('action.delete')}
          work={() => documents.remove(path)}
          {...asked}
        />
      )}
    </Page>
  );
}
