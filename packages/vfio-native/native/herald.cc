#include "herald.h"

bool Herald::Renew(napi_env env) {
  static char byte;
  napi_value buffer = nullptr;
  auto* call = new Call{nullptr, nullptr};
  const napi_status status = napi_create_external_arraybuffer(env, &byte, 1, Gone, call, &buffer);
  if (status == napi_no_external_buffers_allowed) delete call;
  if (status != napi_ok) return false;
  if (napi_create_reference(env, buffer, 1, &call->buffer) != napi_ok) return false;
  if (call_ != nullptr) napi_delete_reference(env, call_->buffer);
  Dismiss();
  call->herald = this;
  call_ = call;
  return true;
}

void Herald::Dismiss() {
  if (call_ != nullptr) call_->herald = nullptr;
  call_ = nullptr;
}

void Herald::Gone(napi_env env, void*, void* hint) {
  auto* call = static_cast<Call*>(hint);
  Herald* herald = call->herald;
  if (herald != nullptr) {
    herald->Dismiss();
    napi_delete_reference(env, call->buffer);
    herald->told_(env, herald->data_);
  }
  delete call;
}
