#include "cli/completion.h"

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace bulkhead::cli {
namespace {

struct Verb {
  std::string path;  // "lab demo"; "" for the program itself
  std::string about;
  std::vector<std::pair<std::string, std::string>> options;  // "--json", what it does
  std::vector<std::string> below;
};

void gather(const CLI::App& app, const std::string& path, std::vector<Verb>& out) {
  Verb verb{path, app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      verb.options.emplace_back("--" + name, option->get_description());
    }
  }
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* sub : below) verb.below.push_back(sub->get_name());
  out.push_back(std::move(verb));
  for (const CLI::App* sub : below)
    gather(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
}

std::string joined(const Verb& verb) {
  std::string words;
  for (const std::string& name : verb.below) words += name + " ";
  for (const auto& [name, about] : verb.options) words += name + " ";
  if (verb.path == "completion") words += "bash zsh fish ";
  if (!words.empty()) words.pop_back();
  return words;
}

// Words before the cursor that are no options make the verb's path; files complete everywhere else.
std::string bash_script(const std::vector<Verb>& verbs) {
  std::string out =
      "# bash completion for bulkhead\n"
      "_bulkhead() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} path= word words\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in -*) ;; *) path+=\"${path:+ }$word\" ;; esac\n"
      "  done\n"
      "  case $path in\n";
  // Longer paths first: "lab" must not take what "lab demo" knows better.
  for (auto verb = verbs.rbegin(); verb != verbs.rend(); ++verb) {
    const std::string pattern = verb->path.empty() ? "''" : "'" + verb->path + "'*";
    out += "    " + pattern + ") words='" + joined(*verb) + "' ;;\n";
  }
  out +=
      "    *) words= ;;\n"
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
      "  [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
      "}\n"
      "complete -F _bulkhead bulkhead\n";
  return out;
}

std::string single_quoted(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out;
}

std::string zsh_script(const std::vector<Verb>& verbs) {
  std::string out =
      "#compdef bulkhead\n"
      "_bulkhead() {\n"
      "  local path='' word\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    [[ $word == -* ]] || path+=\"${path:+ }$word\"\n"
      "  done\n"
      "  case $path in\n";
  for (auto verb = verbs.rbegin(); verb != verbs.rend(); ++verb) {
    out += verb->path.empty() ? "    '') compadd -- " : "    ('" + verb->path + "'*) compadd -- ";
    out += joined(*verb) + (verb->path.empty() ? " ;;\n" : "; _files ;;\n");
  }
  return out + "  esac\n}\n_bulkhead \"$@\"\n";
}

std::string fish_script(const std::vector<Verb>& verbs) {
  std::string out = "# fish completion for bulkhead\n";
  for (const Verb& verb : verbs) {
    const std::size_t space = verb.path.rfind(' ');
    const std::string last = space == std::string::npos ? verb.path : verb.path.substr(space + 1);
    const std::string when =
        verb.path.empty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + last;
    for (const std::string& name : verb.below) {
      out += "complete -c bulkhead -n '" + when + "' -f -a " + name + "\n";
    }
    for (const auto& [name, about] : verb.options) {
      out += "complete -c bulkhead -n '" + when + "' -l " + name.substr(2) + " -d '" +
             single_quoted(about) + "'\n";
    }
  }
  return out +
         "complete -c bulkhead -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
}

}  // namespace

Result<std::string> completion_script(const CLI::App& app, std::string_view shell) {
  std::vector<Verb> verbs;
  gather(app, "", verbs);
  if (shell == "bash") return bash_script(verbs);
  if (shell == "zsh") return zsh_script(verbs);
  if (shell == "fish") return fish_script(verbs);
  return fail(ErrorCode::kInvalidInput,
              "no completion for '" + escape_text(shell, 32) + "'; write bash, zsh or fish");
}

}  // namespace bulkhead::cli
