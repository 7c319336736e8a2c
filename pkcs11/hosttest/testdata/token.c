/* token.c: makes a token on the blank slot and gives its user a PIN. */
#include "host.h"

int main(void) {
  load_module();
  OK(p11->C_Initialize(NULL));
  CK_UTF8CHAR label[32];
  memset(label, ' ', sizeof label);
  memcpy(label, "host test", 9);
  CK_SLOT_ID blank = find_slot(true);
  OK(p11->C_InitToken(blank, (CK_UTF8CHAR_PTR)SO_PIN, strlen(SO_PIN), label));
  CK_SESSION_HANDLE session = open_session();
  OK(p11->C_Login(session, CKU_SO, (CK_UTF8CHAR_PTR)SO_PIN, strlen(SO_PIN)));
  OK(p11->C_InitPIN(session, (CK_UTF8CHAR_PTR)USER_PIN, strlen(USER_PIN)));
  OK(p11->C_Logout(session));
  OK(p11->C_Finalize(NULL));
  return 0;
}
