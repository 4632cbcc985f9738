#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace hub::testing {

/// What a browser shows, or where it is sent next.
struct page {
  int status = 0;
  std::string location; // empty: it stays here
  std::string url;
  std::string body;
  std::string head;
};

/// Keeps cookies, as browsers do whatever the port, and follows only when told to.
class browser {
public:
  /// `address` is whom a proxy says it calls for.
  explicit browser(std::string address);

  page open(const std::string& url);
  page submit(const std::string& url, const std::string& form);
  /// Signs in at a provider's forms as `login`, agrees, and follows every redirect until one leads
  /// to a URL that begins with `until`, which it does not open; that URL. Empty when it ends
  /// elsewhere.
  std::string sign_in_at_provider(page from, const std::string& login, const std::string& until);

  [[nodiscard]] std::string cookie(const std::string& name) const;
  void set_cookie(const std::string& name, const std::string& value) { cookies_[name] = value; }
  [[nodiscard]] const std::string& address() const { return address_; }

private:
  page send(const std::string& method, const std::string& url, const std::string& body);
  void keep_cookie(const std::string& line);

  std::string address_;
  std::map<std::string, std::string> cookies_;
};

} // namespace hub::testing
