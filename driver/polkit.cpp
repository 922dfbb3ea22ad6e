#include "driver/polkit.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.hpp"

namespace driver {
namespace {

// A message bus lets one connection wait for 128 replies by default (dbus-daemon(1), max_replies_per_connection).
constexpr std::size_t kMostSilent = 64;
constexpr std::size_t kMostInteractive = 48;
constexpr std::size_t kMostInteractivePerUser = 5;
constexpr std::chrono::microseconds kSilentTime = std::chrono::seconds(10);
constexpr std::chrono::microseconds kInteractiveTime = std::chrono::minutes(2);

struct Unref {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, Unref>;

void check(int result, const char* what) {
  if (result < 0) base::fail_errno_value(-result, base::Code::SystemError, what);
}

Message check_authorization(sd_bus* bus, const Polkit::Question& question) {
  constexpr const char* kWhat = "cannot make a message to polkit";
  sd_bus_message* raw = nullptr;
  check(sd_bus_message_new_method_call(bus, &raw, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                       "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization"),
        kWhat);
  Message message(raw);
  const auto& subject = question.subject;
  check(sd_bus_message_append(raw, "(sa{sv})s", "unix-process", 3, "pid", "u", static_cast<std::uint32_t>(subject.pid),
                              "start-time", "t", subject.start_time, "uid", "i", static_cast<std::int32_t>(subject.uid),
                              question.action.c_str()),
        kWhat);
  check(sd_bus_message_open_container(raw, 'a', "{ss}"), kWhat);
  for (const auto& detail : question.details)
    check(sd_bus_message_append(raw, "{ss}", detail.first.c_str(), detail.second.c_str()), kWhat);
  check(sd_bus_message_close_container(raw), kWhat);
  const std::uint32_t flags = question.manner == Polkit::Manner::Interactive ? 1 : 0;  // AllowUserInteraction
  check(sd_bus_message_append(raw, "us", flags, ""), kWhat);
  return message;
}

/// (bba{ss}): is it authorized, could a password make it so, and details.
Polkit::Answer read_answer(sd_bus_message* reply) {
  if (const sd_bus_error* error = sd_bus_message_get_error(reply))
    return {Polkit::Verdict::Unknown, base::join(error->name, ": ", error->message ? error->message : "")};
  int authorized = 0, challenge = 0;
  bool dismissed = false;
  check(sd_bus_message_enter_container(reply, 'r', "bba{ss}"), "polkit's answer cannot be read");
  check(sd_bus_message_read(reply, "bb", &authorized, &challenge), "polkit's answer cannot be read");
  check(sd_bus_message_enter_container(reply, 'a', "{ss}"), "polkit's answer cannot be read");
  const char *key, *value;
  while (sd_bus_message_read(reply, "{ss}", &key, &value) > 0)
    if (std::strcmp(key, "polkit.dismissed") == 0) dismissed = true;
  if (authorized) return {Polkit::Verdict::Yes, {}};
  if (dismissed) return {Polkit::Verdict::Dismissed, {}};
  return {challenge ? Polkit::Verdict::NobodyToAsk : Polkit::Verdict::No, {}};
}

}  // namespace

void Polkit::CloseBus::operator()(sd_bus* bus) const {
  sd_bus_detach_event(bus);
  sd_bus_close_unref(bus);
}

Polkit::~Polkit() {
  forget_all();
}

void Polkit::forget_all() {
  waiting_.clear();
  for (const auto& asked : asked_) sd_bus_slot_unref(asked.slot);
  asked_.clear();
}

void Polkit::ask(Question question, std::function<void(const Answer&)> answered) {
  if (question.subject.pid <= 0 || question.subject.start_time == 0)
    return answered({Verdict::Unknown, "the client's process has ended or cannot be seen"});
  if (question.manner == Manner::Silent && open_questions(Manner::Silent) >= kMostSilent) {
    waiting_.push_back({std::move(question), std::move(answered), std::chrono::steady_clock::now()});
    return;
  }
  if (question.manner == Manner::Interactive) {
    const auto of_user = std::count_if(asked_.begin(), asked_.end(), [&](const Asked& asked) {
      return asked.question.manner == Manner::Interactive && asked.question.subject.uid == question.subject.uid;
    });
    if (open_questions(Manner::Interactive) >= kMostInteractive ||
        static_cast<std::size_t>(of_user) >= kMostInteractivePerUser)
      return answered({Verdict::Unknown, "too many passwords are being asked for already"});
  }
  send(std::move(question), std::move(answered));
}

std::size_t Polkit::open_questions(Manner manner) const {
  return static_cast<std::size_t>(std::count_if(
      asked_.begin(), asked_.end(), [manner](const Asked& asked) { return asked.question.manner == manner; }));
}

void Polkit::send(Question question, std::function<void(const Answer&)> answered) {
  const auto asked =
      asked_.insert(asked_.end(), Asked{*this, std::move(question), std::move(answered), nullptr, asked_.end()});
  asked->self = asked;
  try {
    open_bus();
    call(*asked);
  } catch (const base::Error& error) {
    finish(asked, {Verdict::Unknown, error.detail()});
  }
}

void Polkit::call(Asked& asked) {
  const Message message = check_authorization(bus_.get(), asked.question);
  const auto time = asked.question.manner == Manner::Interactive ? kInteractiveTime : kSilentTime;
  check(sd_bus_call_async(bus_.get(), &asked.slot, message.get(), on_reply, &asked,
                          static_cast<std::uint64_t>(time.count())),
        "cannot ask polkit");
}

/// At the first question, and again after the bus went away.
void Polkit::open_bus() {
  if (bus_ && sd_bus_is_open(bus_.get()) > 0) return;
  sd_bus* raw = nullptr;
  check(sd_bus_open_system(&raw), "cannot reach the system's message bus");
  std::unique_ptr<sd_bus, CloseBus> bus(raw);
  check(sd_bus_attach_event(raw, loop_.handle(), SD_EVENT_PRIORITY_NORMAL), "cannot watch the message bus");
  std::swap(bus_, bus);
  // Answering may ask anew, and so change the list.
  const auto lost = [&] {
    return std::find_if(asked_.begin(), asked_.end(),
                        [&](const Asked& asked) { return asked.slot && sd_bus_slot_get_bus(asked.slot) == bus.get(); });
  };
  for (auto asked = lost(); bus && asked != asked_.end(); asked = lost())
    finish(asked, {Verdict::Unknown, "the message bus went away"});
}

int Polkit::on_reply(sd_bus_message* reply, void* userdata, sd_bus_error*) {
  Asked& asked = *static_cast<Asked*>(userdata);
  Answer answer;
  try {
    answer = read_answer(reply);
  } catch (const base::Error& error) {
    answer.error = error.detail();
  }
  asked.polkit.finish(asked.self, answer);
  return 0;
}

void Polkit::finish(std::list<Asked>::iterator asked, const Answer& answer) {
  sd_bus_slot_unref(asked->slot);
  const auto answered = std::move(asked->answered);
  asked_.erase(asked);
  // Before the answer, which may bring the next question of the same client: others have been waiting longer.
  send_waiting();
  answered(answer);
}

/// As many as may be on their way. One that cannot be sent is answered at once and makes room for the next: by this
/// loop, for by recursion a long queue would cost the stack.
void Polkit::send_waiting() {
  if (std::exchange(sending_, true)) return;
  while (!waiting_.empty() && open_questions(Manner::Silent) < kMostSilent) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (std::chrono::steady_clock::now() - next.since > kSilentTime)
      next.answered({Verdict::Unknown, "too many questions wait for an answer"});
    else
      send(std::move(next.question), std::move(next.answered));
  }
  sending_ = false;
}

}  // namespace driver
